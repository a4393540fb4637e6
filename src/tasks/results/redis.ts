import { TidingsError } from "../../core/errors.ts";
import { Notifier } from "../../core/notifier.ts";
import { assertPositiveInteger } from "../../core/options.ts";
import { BatchedReads } from "../celery-redis/batched-reads.ts";
import { readRecord, withRevision, writeRecord } from "../celery-redis/record-text.ts";
import type { RecordWriter } from "../celery-redis/record-writer.ts";
import { openTaskRedis, type RecordWrite, type TaskRedis } from "../celery-redis/task-redis.ts";
import type { ChordStore } from "../chords/chord-store.ts";
import { RedisChords } from "../chords/redis.ts";
import { toResultKeyPrefix, type ConnectionSettings } from "../connection-settings.ts";
import type { LimitStore } from "../limits/limit-store.ts";
import { RedisLimits } from "../limits/redis.ts";
import type { TypedJsonOptions } from "../message/typed-json.ts";
import type { ChangedRecords, ResultStore } from "./result-store.ts";
import type { TaskRecord } from "./task-record.ts";

/** How to make {@link RedisResults}. */
export interface RedisResultsOptions
  extends Pick<ConnectionSettings, "tls" | "resultKeyPrefix">, TypedJsonOptions {
  /** How long a record is kept after its last change. @default 86_400_000 */
  readonly expiresMs?: number | undefined;
}

/** Who follows one record. */
interface Follower {
  count: number;
  /** The final record, once it was heard: it is never changed, so nobody needs to ask for it. */
  final: string | undefined;
  readonly hear: (text: string) => void;
}

/**
 * A result store in Redis, as Celery's: Python reads our records, and waits for them, as its own.
 *
 * Survives: what Redis survives. Bound: the memory of Redis; Redis itself removes records that have
 * expired. A listener hears of the changes of this process, and of a record that it follows by its id.
 */
export class RedisResults implements ResultStore {
  readonly redis: RecordWriter;
  readonly limits: LimitStore;
  readonly chords: ChordStore;
  readonly #redis: TaskRedis;
  readonly #reads: BatchedReads;
  readonly #expireSeconds: number;
  readonly #format: TypedJsonOptions;
  readonly #changes = new Notifier<ChangedRecords>();
  readonly #followed = new Map<string, Follower>();
  readonly #leave: () => void;
  #closed = false;

  constructor(
    url: string,
    { expiresMs = 86_400_000, tls, typedValues, resultKeyPrefix }: RedisResultsOptions = {},
  ) {
    this.#format = { typedValues };
    this.#expireSeconds = Math.ceil(assertPositiveInteger("expiresMs", expiresMs) / 1_000);
    this.#redis = openTaskRedis(url, { tls, prefix: toResultKeyPrefix({ resultKeyPrefix }) });
    this.#reads = new BatchedReads(this.#redis);
    this.limits = new RedisLimits(this.#redis);
    this.chords = new RedisChords(this.#redis, this.#expireSeconds);
    this.#leave = this.#redis.redis.onGap(() => this.#changes.announce(null));
    this.redis = {
      place: this.#redis,
      toWrite: (record) => this.#toWrite(record),
      announce: (write, revision) => this.#announce(write, revision),
    };
  }

  async get(id: string): Promise<TaskRecord | null> {
    this.#assertOpen();
    const final = this.#followed.get(id)?.final;
    if (final !== undefined) return readRecord(id, final);
    const reply = await this.#reads.read(keyOf(id));
    return reply === null ? null : readRecord(id, String(reply));
  }

  async store(record: TaskRecord): Promise<boolean> {
    this.#assertOpen();
    const write = this.#toWrite(record);
    const { revision } = await this.#redis.settle({ end: null, record: write });
    if (revision > 0) this.#announce(write, revision);
    return revision > 0;
  }

  async forget(id: string): Promise<void> {
    this.#assertOpen();
    await this.#redis.run((redis) => redis.command(["DEL", keyOf(id)]));
    const follower = this.#followed.get(id);
    if (follower) follower.final = undefined;
    this.#changes.announce([id]);
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
    const follower = this.#followed.get(id) ?? this.#startToFollow(id);
    follower.count++;
    return () => {
      if (--follower.count > 0) return;
      this.#followed.delete(id);
      this.#redis.unhear(keyOf(id), follower.hear);
    };
  }

  #startToFollow(id: string): Follower {
    const hear = (text: string): void => {
      this.#keepFinal(id, text);
      this.#changes.announce([id]);
    };
    const follower: Follower = { count: 0, final: undefined, hear };
    this.#followed.set(id, follower);
    void this.#subscribe(id, hear);
    return follower;
  }

  /** Never rejects: whoever follows looks again, and meets the error there. */
  async #subscribe(id: string, hear: Follower["hear"]): Promise<void> {
    try {
      await this.#redis.hear(keyOf(id), hear);
    } catch {
      // Told below.
    }
    // What was stored before the channel was heard is found by looking once more.
    this.#changes.announce([id]);
  }

  #announce({ id, text }: RecordWrite, revision: number): void {
    if (this.#followed.has(id)) this.#keepFinal(id, withRevision(text, revision));
    this.#changes.announce([id]);
  }

  #keepFinal(id: string, text: string): void {
    const follower = this.#followed.get(id);
    if (follower && FINAL.test(text)) follower.final = text;
  }

  #toWrite(record: TaskRecord): RecordWrite {
    return {
      id: record.id,
      key: keyOf(record.id),
      text: writeRecord(record, this.#format),
      expireSeconds: this.#expireSeconds,
    };
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new TidingsError("STORAGE_UNAVAILABLE", "the result store has been closed");
  }
}

/** How the text of a final record begins, as Celery and we write it. */
const FINAL = /^\{"status": ?"(SUCCESS|FAILURE|REVOKED)"/;

function keyOf(id: string): string {
  return `celery-task-meta-${id}`;
}
