import { TidingsError, toError } from "../../core/errors.ts";
import {
  openRedis,
  PrefixedRedis,
  parseRedisUrls,
  RedisUnavailable,
  type Redis,
  type RedisReply,
  type RedisSettings,
} from "../../redis/index.ts";
import type { ConnectionSettings } from "../connection-settings.ts";
import { nextTick } from "../next-tick.ts";
import { countRows, readSettled, SettleRows } from "./settle-rows.ts";
import { SETTLE } from "./settle.ts";

/** One script takes no more rows than about this, and no more bytes, so that it never blocks for long. */
const MAX_ROWS = 1_000;
const MAX_BYTES = 4_194_304;

/** What becomes of a delivery. */
export interface DeliveryEnd {
  readonly field: string;
  readonly mode: "ack" | "front" | "back" | "delay" | "restore";
  /** The list, or the delayed messages of the queue. */
  readonly target: string;
  readonly text: string;
  readonly id: string;
  /** When it is due; for `restore`, the time now. */
  readonly time: number;
}

/** A record as it is written. */
export interface RecordWrite {
  readonly id: string;
  readonly key: string;
  /** With 1 for its revision. */
  readonly text: string;
  readonly expireSeconds: number;
}

/** A message on its way into a list. */
export interface QueuedText {
  readonly queue: string;
  /** The list. */
  readonly key: string;
  readonly text: string;
}

/** What a delivery leaves as a dead letter. */
export interface LetterWrite {
  /** What is said of it; the message is at hand. */
  readonly text: string;
  readonly id: string;
  readonly diedAt: number;
  readonly maxCount: number;
}

/** What is settled in one step. */
export interface SettleItem {
  readonly end: DeliveryEnd | null;
  readonly record: RecordWrite | null;
  /** What is sent if the delivery ends. */
  readonly sends?: readonly QueuedText[] | undefined;
  /** What is kept of it if the delivery ends. */
  readonly letter?: LetterWrite | undefined;
}

/** What came of one item. */
export interface Settled {
  readonly ended: boolean;
  /** Of the record; 0 if it was not stored. */
  readonly revision: number;
}

/** Who hears a channel. */
type ChannelListener = (text: string) => void;

interface PendingItem extends SettleItem {
  readonly resolve: (settled: Settled) => void;
  readonly reject: (error: Error) => void;
}

/** The names of kombu's keys, and of ours. */
export interface TaskKeys {
  readonly taken: string;
  readonly since: string;
  readonly leases: string;
  readonly delayed: string;
  readonly revoked: string;
  /** The ids of dead letters, in the order of their death. */
  readonly dead: string;
  readonly deadLetters: string;
}

/**
 * One Redis for broker and results, opened once per process and URL.
 *
 * What is settled in one tick goes in one script, so the record of a task and the end of its delivery
 * are one step, and a busy worker pays one round trip for many tasks.
 */
export class TaskRedis {
  readonly redis: Redis;
  readonly database: number;
  readonly keys: TaskKeys;
  /** What is put before every key; only scripts that make keys themselves need it. */
  readonly prefix: string;
  readonly #place: string;
  readonly #listeners = new Map<string, Set<ChannelListener>>();
  #pending: PendingItem[] = [];
  #users = 0;

  /** @internal Use {@link openTaskRedis}. */
  constructor(place: string, settings: RedisSettings, prefix: string) {
    const [{ kind, database }] = parseRedisUrls(settings.url);
    if (kind === "cluster") {
      throw new TidingsError(
        "APP_INVALID_URL",
        "expected a server or sentinels for tasks, got a cluster: Celery's keys have no common slot",
      );
    }
    this.#place = place;
    this.database = database;
    this.prefix = prefix;
    const redis = openRedis(settings);
    this.redis = prefix === "" ? redis : new PrefixedRedis(redis, prefix);
    this.keys = {
      taken: "unacked",
      since: "unacked_index",
      leases: "_tidings.leases",
      delayed: "_tidings.delayed",
      revoked: "_tidings.revoked",
      dead: "_tidings.dead",
      deadLetters: "_tidings.dead_letters",
    };
  }

  /** Counts one more user; each must call `close`. */
  use(): this {
    this.#users++;
    return this;
  }

  /** Why Redis cannot be reached just now. */
  get trouble(): TidingsError | undefined {
    const { trouble } = this.redis;
    return trouble && toStorageError(trouble);
  }

  /** Runs what asks Redis; its errors are those of a storage. */
  async run<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    if (this.#users === 0) throw closedError();
    try {
      return await ask(this.redis);
    } catch (error) {
      throw toStorageError(error);
    }
  }

  /** Runs what only reads, once more when the connection broke under way: that does no harm. */
  async read<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await this.run(ask);
    } catch (error) {
      const { cause } = toError(error);
      if (!(cause instanceof RedisUnavailable && cause.wasSent)) throw error;
      return await this.run(ask);
    }
  }

  /** Ends a delivery, stores its record and sends what comes after it, in one step with others of this tick. */
  settle(settled: SettleItem): Promise<Settled> {
    if (this.#users === 0) return Promise.reject(closedError());
    const { end, record, sends, letter } = settled;
    return new Promise((resolve, reject) => {
      const length = this.#pending.push({ end, record, sends, letter, resolve, reject });
      if (length === 1) void this.#flushSoon();
    });
  }

  /** Hears a channel. Several users of the connection may hear the same one. */
  async hear(channel: string, listener: ChannelListener): Promise<void> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    const tell = (payload: Buffer): void => {
      for (const one of listeners) one(payload.toString());
    };
    try {
      await this.run((redis) => redis.subscribe(channel, tell));
    } catch (error) {
      this.unhear(channel, listener);
      throw error;
    }
  }

  /** The channel is left with its last listener. */
  unhear(channel: string, listener: ChannelListener): void {
    const listeners = this.#listeners.get(channel);
    if (!listeners?.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(channel);
    // Never rejects: Redis is told when it can be.
    void this.redis.unsubscribe(channel);
  }

  /** Ends the use of one user; the last one closes the connection. */
  async close(): Promise<void> {
    this.#users--;
    if (this.#users > 0) return;
    opened.delete(this.#place);
    await this.redis.close();
  }

  /** Whatever ends in this tick is settled together, and after whoever takes more: see `Fetch`. */
  async #flushSoon(): Promise<void> {
    await nextTick();
    await nextTick();
    this.#flush();
  }

  #flush(): void {
    const items = this.#pending;
    this.#pending = [];
    let batch: PendingItem[] = [];
    let rows = 0;
    let bytes = 0;
    for (const item of items) {
      if (rows >= MAX_ROWS || bytes > MAX_BYTES) {
        void this.#send(batch);
        batch = [];
        rows = 0;
        bytes = 0;
      }
      batch.push(item);
      rows += countRows(item);
      bytes += (item.end?.text.length ?? 0) + (item.record?.text.length ?? 0);
      for (const { text } of item.sends ?? []) bytes += text.length;
    }
    void this.#send(batch);
  }

  /** Never rejects: each item hears of it. */
  async #send(batch: readonly PendingItem[]): Promise<void> {
    const rows = new SettleRows(this.keys);
    for (const item of batch) rows.add(item);
    try {
      const { keys, words } = rows;
      const replies = toList(await this.run((redis) => redis.script(SETTLE, keys, words)));
      let row = 0;
      for (const item of batch) answer(item, replies.slice(row, (row += countRows(item))));
    } catch (error) {
      for (const { reject } of batch) reject(toError(error));
    }
  }
}

/** Tells who waits for an item what came of it. */
function answer(item: PendingItem, replies: readonly RedisReply[]): void {
  try {
    item.resolve(readSettled(item, replies));
  } catch (error) {
    item.reject(toError(error));
  }
}

/** What a URL does not say. */
export interface TaskRedisOptions extends Pick<ConnectionSettings, "tls"> {
  /** What every key and channel begins with. @default none */
  readonly prefix?: string | undefined;
}

const opened = new Map<string, TaskRedis>();

/** Opens a Redis for tasks, or returns the one that is open already. Nothing is connected yet. */
export function openTaskRedis(url: string, { tls, prefix = "" }: TaskRedisOptions = {}): TaskRedis {
  const place = `${url} ${prefix} ${JSON.stringify(tls ?? {})}`;
  const found = opened.get(place) ?? new TaskRedis(place, { url, tls }, prefix);
  opened.set(place, found);
  return found.use();
}

/** The items of a reply that is a list. */
export function toList(reply: RedisReply): readonly RedisReply[] {
  return Array.isArray(reply) ? reply : [];
}

/** The list of a queue and a step of its priorities, as kombu names it. */
export function listKey(queue: string, step: number): string {
  return step === 0 ? queue : `${queue}\u0006\u0016${step}`;
}

export function delayedKey(queue: string): string {
  return `_tidings.delayed.${queue}`;
}

function closedError(): TidingsError {
  return new TidingsError("STORAGE_UNAVAILABLE", "the connection to Redis has been closed");
}

/** Redis that cannot be reached, or refuses, is a storage that is not there for now. */
function toStorageError(error: unknown): TidingsError {
  const { message } = toError(error);
  return new TidingsError("STORAGE_UNAVAILABLE", message, { cause: error });
}
