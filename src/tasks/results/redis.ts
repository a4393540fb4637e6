import { TidingsError } from "../../core/errors.ts";
import { assertPositiveInteger } from "../../core/options.ts";
import { readRecord, writeRecord } from "../celery-redis/record-text.ts";
import type { RecordWriter } from "../celery-redis/record-writer.ts";
import { openTaskRedis, type RecordWrite, type TaskRedis } from "../celery-redis/task-redis.ts";
import { Notifier } from "../notifier.ts";
import type { ChangedRecords, ResultStore } from "./result-store.ts";
import type { TaskRecord } from "./task-record.ts";

/** How to make {@link RedisResults}. */
export interface RedisResultsOptions {
  /** How long a record is kept after its last change. @default 86_400_000 */
  readonly expiresMs?: number | undefined;
}

/** Who follows one record. */
interface Follower {
  count: number;
  readonly subscribed: Promise<void>;
}

/**
 * A result store in Redis, as Celery's: Python reads our records, and waits for them, as its own.
 *
 * Survives: what Redis survives. Bound: the memory of Redis; Redis itself removes records that have
 * expired. A listener hears of the changes of this process, and of a record that it follows by its id.
 */
export class RedisResults implements ResultStore {
  readonly redis: RecordWriter;
  readonly #redis: TaskRedis;
  readonly #expireSeconds: number;
  readonly #changes = new Notifier<ChangedRecords>();
  readonly #followed = new Map<string, Follower>();
  readonly #leave: () => void;
  #closed = false;

  constructor(url: string, { expiresMs = 86_400_000 }: RedisResultsOptions = {}) {
    this.#expireSeconds = Math.ceil(assertPositiveInteger("expiresMs", expiresMs) / 1_000);
    this.#redis = openTaskRedis(url);
    this.#leave = this.#redis.redis.onGap(() => this.#changes.announce(null));
    this.redis = {
      place: this.#redis,
      toWrite: (record) => this.#toWrite(record),
      announce: (id) => this.#changes.announce([id]),
    };
  }

  async get(id: string): Promise<TaskRecord | null> {
    this.#assertOpen();
    const reply = await this.#redis.run((redis) => redis.command(["GET", keyOf(id)]));
    return reply === null ? null : readRecord(id, String(reply));
  }

  async store(record: TaskRecord): Promise<boolean> {
    this.#assertOpen();
    const { stored } = await this.#redis.settle(null, this.#toWrite(record));
    if (stored) this.#changes.announce([record.id]);
    return stored;
  }

  /** Redis removes what has expired. */
  async expire(_before: number): Promise<number> {
    this.#assertOpen();
    return 0;
  }

  onChange(listener: (changed: ChangedRecords) => void, id?: string): () => void {
    this.#assertOpen();
    const leave = this.#changes.subscribe(listener);
    const unfollow = id === undefined ? undefined : this.#follow(id);
    return () => {
      leave();
      unfollow?.();
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#leave();
    await this.#redis.close();
    this.#changes.announce(null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Hears the channel of a record while somebody follows it. */
  #follow(id: string): () => void {
    const follower = this.#followed.get(id) ?? { count: 0, subscribed: this.#subscribe(id) };
    follower.count++;
    this.#followed.set(id, follower);
    return () => {
      if (--follower.count > 0) return;
      this.#followed.delete(id);
      void this.#redis.redis.unsubscribe(keyOf(id));
    };
  }

  /** Never rejects: whoever follows looks again, and meets the error there. */
  async #subscribe(id: string): Promise<void> {
    const announce = (): void => this.#changes.announce([id]);
    try {
      await this.#redis.run((redis) => redis.subscribe(keyOf(id), announce));
    } catch {
      // Told below.
    }
    // What was stored before the channel was heard is found by looking once more.
    announce();
  }

  #toWrite(record: TaskRecord): RecordWrite {
    return {
      ...writeRecord(record),
      key: keyOf(record.id),
      runs: record.runs,
      expireSeconds: this.#expireSeconds,
    };
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new TidingsError("STORAGE_UNAVAILABLE", "the result store has been closed");
  }
}

function keyOf(id: string): string {
  return `celery-task-meta-${id}`;
}
