import { setTimeout as delay } from "node:timers/promises";

import { backoffMs } from "../../core/backoff.ts";
import { isTidingsError } from "../../core/errors.ts";
import type { RedisConnection, RedisReply } from "../../redis/index.ts";
import type { QueueHost } from "./host.ts";
import { RECLAIM } from "./script.ts";

/** How long Redis holds a read that finds nothing. An idle reader asks again, for ever. */
const BLOCK_MS = 5_000;
/** A Redis that has not answered by then hangs. Long, since what it has taken out would be lost. */
const TAKE_TIMEOUT_MS = 15_000;
/** How soon a read that was not there yet is released again. */
const RELEASE_AGAIN_MS = 10;
/** So long a host that does not answer may hold up the others. */
const ASK_TIMEOUT_MS = 3_000;
/** How many messages of dead readers are looked at in one go. */
const RECLAIM_BATCH = 100;

/** A message as it stands in Redis, and when it was sent, in seconds. */
export interface QueuedMessage {
  readonly member: Buffer;
  readonly score: string;
}

/**
 * One queue on one host: a sorted set, read over a connection of its own.
 *
 * What is taken is out of Redis; whoever takes it and has no use for it puts it back.
 */
export class QueueSource {
  readonly host: QueueHost;
  readonly #key: string;
  readonly #signal: AbortSignal;
  #connection: RedisConnection | undefined;
  #clientId: string | undefined;
  /** The read that waits, if one does. */
  #wait: { isBlocked: boolean; isReleased: boolean } | undefined;
  #failures = 0;
  #suspects = new Set<string>();
  #lookedAt = 0;

  constructor(host: QueueHost, key: string, signal: AbortSignal) {
    this.host = host;
    this.#key = key;
    this.#signal = signal;
  }

  /** Takes the oldest messages that are there now. */
  async take(count: number): Promise<QueuedMessage[]> {
    return toMessages(await this.#command(["ZPOPMIN", this.#key, String(count)]));
  }

  /** Takes the oldest message, as soon as there is one; nothing when it was released, or in vain. */
  async wait(limitMs: number = BLOCK_MS): Promise<QueuedMessage[]> {
    const wait = { isBlocked: false, isReleased: false };
    this.#wait = wait;
    try {
      this.#clientId ??= String(await this.#command(["CLIENT", "ID"]));
      if (wait.isReleased) return [];
      const seconds = String(Math.min(BLOCK_MS, Math.max(50, limitMs)) / 1000);
      wait.isBlocked = true;
      const reply = await this.#command(["BZPOPMIN", this.#key, seconds]);
      return Array.isArray(reply) ? toMessages(reply.slice(1)) : [];
    } finally {
      this.#wait = undefined;
    }
  }

  /** Ends a `wait` without what closing the connection would cost: a message on its way. */
  async release(): Promise<void> {
    const wait = this.#wait;
    if (!wait || wait.isReleased) return;
    wait.isReleased = true;
    if (!wait.isBlocked) return;
    try {
      while (this.#wait === wait && this.#clientId && !(await this.#unblock(this.#clientId))) {
        // The read may be on its way still: it and this go over different connections.
        await delay(RELEASE_AGAIN_MS, undefined, { signal: this.#signal });
      }
    } catch {
      // Then the read ends by itself, in a few seconds or with its connection.
    }
  }

  /** When the oldest message was sent; `undefined` when there is none. */
  async oldest(): Promise<number | undefined> {
    const [first] = toMessages(await this.#command(["ZRANGE", this.#key, "0", "0", "WITHSCORES"]));
    return first && Number(first.score);
  }

  /** Puts a message back where it was. */
  async putBack({ member, score }: QueuedMessage, expirySeconds: number): Promise<void> {
    await this.host.redis.transaction([
      ["ZADD", this.#key, score, member],
      ["EXPIRE", this.#key, String(expirySeconds)],
    ]);
  }

  /**
   * Takes over what readers of channels_redis have taken and then died with.
   *
   * They move each message to `$inflight` and out of it in the same breath. Theirs take over whatever
   * is there, which delivers twice what another has only just taken; here it must have been there
   * `afterMs` ago too.
   */
  async reclaim(afterMs: number): Promise<void> {
    const now = Date.now();
    if (now - this.#lookedAt < afterMs) return;
    this.#lookedAt = now;
    const inFlight = `${this.#key}$inflight`;
    const last = String(RECLAIM_BATCH - 1);
    const reply = await this.#command(["ZRANGE", inFlight, "0", last]);
    const members = Array.isArray(reply) ? reply.filter((item) => Buffer.isBuffer(item)) : [];
    const left = members.filter((member) => this.#suspects.has(member.toString("latin1")));
    this.#suspects = new Set(members.map((member) => member.toString("latin1")));
    if (left.length === 0) return;
    const { redis } = this.host;
    if (!redis.isCluster) await redis.script(RECLAIM, [this.#key, inFlight], left);
  }

  /** Waits until the host answers, at first or again. */
  async heal(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        const waitMs = this.#failures && backoffMs(this.#failures, { baseMs: 50, maxMs: 2_000 });
        await delay(waitMs, undefined, { signal: this.#signal });
        await this.#command(["PING"]);
        await this.host.recover();
        this.#failures = 0;
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!isRedisError(error)) throw error;
      }
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#clientId = undefined;
    await connection?.close();
  }

  async #unblock(clientId: string): Promise<boolean> {
    const args = ["CLIENT", "UNBLOCK", clientId];
    return (await this.host.redis.command(args, { key: this.#key })) === 1;
  }

  async #command(args: readonly string[]): Promise<RedisReply> {
    try {
      this.#connection ??= await this.host.redis.connect(this.#key);
      const reply = await this.#connection.command(args, {
        key: this.#key,
        timeoutMs: args[0]?.endsWith("POPMIN") ? TAKE_TIMEOUT_MS : ASK_TIMEOUT_MS,
      });
      this.host.sign();
      return reply;
    } catch (error) {
      this.#failures++;
      this.host.break();
      await this.close();
      throw error;
    }
  }
}

/** An error that another try may cure. */
export function isRedisError(error: unknown): boolean {
  return isTidingsError(error, "REDIS_UNAVAILABLE") || isTidingsError(error, "REDIS_FAILED");
}

/** Redis answers with a flat list: member, score, member, score. */
function toMessages(reply: RedisReply): QueuedMessage[] {
  const flat: readonly RedisReply[] = Array.isArray(reply) ? reply : [];
  const messages: QueuedMessage[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const member = flat[index];
    if (Buffer.isBuffer(member)) messages.push({ member, score: String(flat[index + 1]) });
  }
  return messages;
}
