import { TidingsError } from "../../core/errors.ts";
import { Notifier } from "../../core/notifier.ts";
import { assertPositiveInteger } from "../../core/options.ts";
import type { ChordStore } from "../chords/chord-store.ts";
import { MemoryChords } from "../chords/memory.ts";
import type { LimitStore } from "../limits/limit-store.ts";
import { MemoryLimits } from "../limits/memory.ts";
import { readRecordJson, writeRecordJson } from "./record-json.ts";
import {
  EXPIRE_LIMIT,
  toExpiresMs,
  type ChangedRecords,
  type ResultStore,
} from "./result-store.ts";
import type { TaskRecord } from "./task-record.ts";

/** How to make a {@link MemoryResults}. */
export interface MemoryResultsOptions {
  /** How many records it holds; beyond, the oldest are forgotten. @default 100_000 */
  readonly capacity?: number | undefined;
  /** A final record is not found so long after its end. @default until a worker removes it */
  readonly expiresMs?: number | undefined;
}

/** A record as JSON, so that it is the same here as in every other store. */
interface StoredRecord extends Pick<TaskRecord, "id" | "runs" | "finishedAt" | "revision"> {
  readonly text: string;
}

/**
 * A result store in this process's memory, for tests.
 *
 * Survives: nothing. Bound: `capacity` records, the one that was stored first goes first.
 */
export class MemoryResults implements ResultStore {
  readonly limits: LimitStore = new MemoryLimits();
  readonly chords: ChordStore;
  readonly #records = new Map<string, StoredRecord>();
  readonly #changes = new Notifier<ChangedRecords>();
  readonly #capacity: number;
  readonly #expiresMs: number;
  #closed = false;

  constructor({ capacity = 100_000, expiresMs }: MemoryResultsOptions = {}) {
    this.#capacity = assertPositiveInteger("capacity", capacity);
    this.#expiresMs = toExpiresMs(expiresMs);
    this.chords = new MemoryChords(capacity);
  }

  async get(id: string): Promise<TaskRecord | null> {
    this.#assertOpen();
    const stored = this.#find(id);
    return stored ? readRecordJson(id, stored.text, stored.revision) : null;
  }

  async store(record: TaskRecord): Promise<boolean> {
    this.#assertOpen();
    const { id, runs, finishedAt } = record;
    const stored = this.#find(id);
    if (stored && (stored.finishedAt !== null || stored.runs > runs)) return false;
    const revision = (stored?.revision ?? 0) + 1;
    this.#records.set(id, { id, runs, finishedAt, revision, text: writeRecordJson(record) });
    this.#keepBound();
    this.#changes.announce([id]);
    return true;
  }

  async forget(id: string): Promise<void> {
    this.#assertOpen();
    if (this.#records.delete(id)) this.#changes.announce([id]);
  }

  async expire(before: number): Promise<number> {
    this.#assertOpen();
    const expired = [...this.#records.values()]
      .filter(({ finishedAt }) => finishedAt !== null && finishedAt < before)
      .slice(0, EXPIRE_LIMIT);
    for (const { id } of expired) this.#records.delete(id);
    return expired.length;
  }

  onChange(listener: (changed: ChangedRecords) => void): () => void {
    return this.#changes.subscribe(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#records.clear();
    this.#changes.announce(null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What has expired is not there, whether it was removed yet or not. */
  #find(id: string): StoredRecord | undefined {
    const stored = this.#records.get(id);
    const isOld = (stored?.finishedAt ?? Infinity) < Date.now() - this.#expiresMs;
    return isOld ? undefined : stored;
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new TidingsError("STORAGE_UNAVAILABLE", "the result store has been closed");
  }

  #keepBound(): void {
    for (const id of this.#records.keys()) {
      if (this.#records.size <= this.#capacity) return;
      this.#records.delete(id);
    }
  }
}
