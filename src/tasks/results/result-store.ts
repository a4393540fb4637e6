import { assertPositiveInteger } from "../../core/options.ts";
import type { SharedTransaction } from "../../core/shared-transaction.ts";
import type { RecordWriter } from "../celery-redis/record-writer.ts";
import type { ChordStore } from "../chords/chord-store.ts";
import type { LimitStore } from "../limits/limit-store.ts";
import type { TaskRecord } from "./task-record.ts";

/** The ids whose records changed; `null` when it is not known which. */
export type ChangedRecords = readonly string[] | null;

/**
 * What keeps the records of tasks.
 *
 * `src/testing/cases/results.ts` checks each sentence against every driver.
 *
 * - `store` MUST replace the record of its id, set `revision` to one more than before, and return
 *   `true`; when it resolves, the record is as durable as the driver promises.
 * - `store` MUST return `false` and change nothing when the stored record is final, or has more `runs`:
 *   then another worker has the task, and this one's lease is lost (fencing).
 * - `get` MUST return what was stored last, equal but isolated from what was passed in, or `null`.
 * - A store that sends records MUST send those of a `replyTo` that is not its own there, where their
 *   caller waits, and `get` then need not know of them; `null` is of nobody.
 * - `forget` MUST remove the record of an id, final or not; what is stored afterwards is a new one.
 * - A store that is told `expiresMs` MUST NOT give a final record that ended longer ago, removed or not, and
 *   MUST take another one of its id.
 * - `expire` MUST remove the final records that ended before a time, and nothing else; a store whose
 *   records expire by themselves removes none.
 * - `onChange` MUST be called after records changed: at once for changes of this process, within
 *   100 ms for those of others; where a store cannot hear of every record, only of that whose `id` the
 *   listener gave. Needless calls are allowed.
 * - `close` MUST call the listeners once more, and whatever is asked afterwards MUST be refused with
 *   STORAGE_UNAVAILABLE, so that who waits for a record meets the error. Closing twice does nothing.
 * - A record that cannot be read MUST be reported as a FAILURE which says so, not thrown.
 */
export interface ResultStore extends AsyncDisposable {
  get(id: string): Promise<TaskRecord | null>;
  /** Stores a record; its own `revision` is ignored. */
  store(record: TaskRecord, replyTo?: string | null): Promise<boolean>;
  /** Removes a record. */
  forget(id: string): Promise<void>;
  /** Removes final records older than `before`, at most 1,000; returns how many. */
  expire(before: number): Promise<number>;
  /** Calls the listener when records changed; `id` says which one it cares for. */
  onChange(listener: (changed: ChangedRecords) => void, id?: string): () => void;
  /** Ends the use of the store. */
  close(): Promise<void>;
  /** Where this process waits for records, if they are sent instead of stored. */
  readonly replies?: ReplyQueue | undefined;
  /** What can store a record in the same transaction as a delivery ends. */
  readonly shared?: SharedResults | undefined;
  /** What counts runs and calls, in the same place, for a broker that has none. */
  readonly limits?: LimitStore | undefined;
  /** Where the parts of chords come together; a store that sends results has none. */
  readonly chords?: ChordStore | undefined;
  /** What a broker in the same Redis settles with. */
  readonly redis?: RecordWriter | undefined;
}

/** A queue for the records of one process's calls. */
export interface ReplyQueue {
  readonly name: string;
  /** Resolves when it is there, as it must be before a call is sent. */
  open(): Promise<void>;
}

/** The part of a result store that joins a transaction which others started. */
export interface SharedResults {
  readonly transaction: SharedTransaction;
  /** `store`, inside the transaction. */
  store(record: TaskRecord): boolean;
}

/** One call of `expire` removes no more than this, so that it never blocks for long. */
export const EXPIRE_LIMIT = 1_000;

/** How long a final record is found; for ever unless somebody says otherwise. */
export function toExpiresMs(expiresMs: number | undefined): number {
  return expiresMs === undefined ? Infinity : assertPositiveInteger("expiresMs", expiresMs);
}
