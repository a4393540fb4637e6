import type { RedisReply, RedisScript } from "../../redis/index.ts";
import { toList, type TaskRedis } from "../celery-redis/task-redis.ts";
import type {
  Claim,
  Entrant,
  HeldSlot,
  KeyHolder,
  Limit,
  LimitStore,
  Refusal,
  WaitingTask,
} from "./limit-store.ts";
import {
  ADMIT,
  CLAIM,
  RECLAIM_SLOTS,
  RELEASE_SLOTS,
  RENEW_SLOTS,
  UNCLAIM,
  WAIT,
} from "./redis-scripts.ts";

/** The slots of all keys; when the next of those who wait looks; the keys that somebody was called for. */
const SHARED_KEYS: readonly string[] = ["_tidings.slots", "_tidings.looks", "_tidings.called"];

/**
 * Limits in Redis, which all workers and callers share.
 *
 * Each question is one script, by the clock of Redis. Survives: what Redis survives. Bound: 10,000 waiting
 * tasks for each key, and the memory of Redis; a key that nobody asks for is gone after an hour.
 */
export class RedisLimits implements LimitStore {
  readonly #redis: TaskRedis;
  readonly #now: (() => number) | undefined;

  /** @param now The time in milliseconds, for tests. Otherwise the clock of Redis. */
  constructor(redis: TaskRedis, now?: () => number) {
    this.#redis = redis;
    this.#now = now;
  }

  async admit({ id, queue, holder, limits, leaseMs, lookMs }: Entrant): Promise<Refusal | null> {
    const reply = await this.#run(ADMIT, SHARED_KEYS, [
      this.#timeWord,
      id,
      queue,
      holder,
      String(leaseMs),
      String(lookMs),
      ...limits.flatMap((limit) => this.#toWords(limit)),
    ]);
    const [waitMs, refusing] = toList(reply);
    const limit = limits[Number(refusing)];
    return limit ? { limit, waitMs: Number(waitMs) } : null;
  }

  async wait({ id, queue }: WaitingTask, key: string): Promise<readonly WaitingTask[]> {
    const words = [this.#timeWord, this.#toLimitKey(key), id, queue];
    return toWaiting(await this.#run(WAIT, SHARED_KEYS, words));
  }

  async renew(slots: readonly HeldSlot[], leaseMs: number): Promise<readonly HeldSlot[]> {
    if (slots.length === 0) return [];
    const words = [
      String(leaseMs),
      this.#timeWord,
      ...slots.flatMap((slot) => this.#toSlotWords(slot)),
    ];
    const replies = toList(await this.#run(RENEW_SLOTS, SHARED_KEYS, words));
    return slots.filter((_, index) => replies[index] !== 1);
  }

  async release(slots: readonly HeldSlot[]): Promise<readonly WaitingTask[]> {
    if (slots.length === 0) return [];
    const words = [this.#timeWord, ...slots.flatMap((slot) => this.#toSlotWords(slot))];
    return toWaiting(await this.#run(RELEASE_SLOTS, SHARED_KEYS, words));
  }

  async reclaim(): Promise<readonly WaitingTask[]> {
    return toWaiting(await this.#run(RECLAIM_SLOTS, SHARED_KEYS, [this.#timeWord]));
  }

  async claim(claim: Claim): Promise<KeyHolder> {
    const { id, firm } = claim;
    return toHolder(await this.#claim(claim, "claim")) ?? { id, firm };
  }

  async keep(claim: Claim): Promise<void> {
    await this.#claim(claim, "keep");
  }

  async replace(claim: Claim): Promise<string | null> {
    return toHolder(await this.#claim(claim, "replace"))?.id ?? null;
  }

  async holder(key: string): Promise<KeyHolder | null> {
    const reply = await this.#redis.run((redis) => redis.command(["GET", claimKey(key)]));
    return toHolder(reply);
  }

  async unclaim(key: string, id: string): Promise<void> {
    await this.#run(UNCLAIM, [claimKey(key)], [id]);
  }

  #claim({ key, id, ttlMs, firm }: Claim, how: "claim" | "keep" | "replace"): Promise<RedisReply> {
    return this.#run(CLAIM, [claimKey(key)], [id, firm ? "1" : "0", String(ttlMs), how]);
  }

  get #timeWord(): string {
    return this.#now ? String(this.#now()) : "";
  }

  /** The scripts make keys of it themselves: the prefix of the place is not put before them. */
  #toLimitKey(key: string): string {
    return `${this.#redis.prefix}_tidings.limit.${key}`;
  }

  #toWords(limit: Limit): readonly string[] {
    const [amount, perMs] = limit.kind === "rate" ? [limit.count, limit.perMs] : [limit.slots, 0];
    return [this.#toLimitKey(limit.key), limit.kind, String(amount), String(perMs)];
  }

  #toSlotWords({ key, holder }: HeldSlot): readonly string[] {
    return [this.#toLimitKey(key), holder];
  }

  #run(
    script: RedisScript,
    keys: readonly string[],
    words: readonly string[],
  ): Promise<RedisReply> {
    return this.#redis.run((redis) => redis.script(script, keys, words));
  }
}

function claimKey(key: string): string {
  return `_tidings.claim.${key}`;
}

/** "1" or "0" for firm or not, and the id. */
function toHolder(reply: RedisReply): KeyHolder | null {
  if (reply === null) return null;
  const text = String(reply);
  return { id: text.slice(1), firm: text.startsWith("1") };
}

function toWaiting(reply: RedisReply): readonly WaitingTask[] {
  const words = toList(reply).map(String);
  return words.flatMap((id, index) =>
    index % 2 === 0 ? [{ id, queue: words[index + 1] ?? "" }] : [],
  );
}
