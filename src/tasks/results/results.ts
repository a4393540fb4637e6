import { TidingsError } from "../../core/errors.ts";
import { Notifier } from "../../core/notifier.ts";
import { isFinal } from "../states.ts";
import { Wakeup } from "../wakeup.ts";
import type { ChangedRecords, ResultStore } from "./result-store.ts";
import { pendingRecord, type TaskChild, type TaskRecord } from "./task-record.ts";

/** How to follow records. */
export interface WatchOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
}

const CLOSED = "the tasks have been closed; nothing more is heard of their records";

/** The records of tasks, to read and to follow. */
export class Results {
  readonly #store: ResultStore;
  readonly #closing = new Notifier<void>();
  #isClosed = false;

  constructor(store: ResultStore) {
    this.#store = store;
  }

  /** Returns the record of a task; an id that nobody knows is PENDING. */
  async get(id: string): Promise<TaskRecord> {
    return (await this.#store.get(id)) ?? pendingRecord(id);
  }

  /** Removes the record of a task. */
  async forget(id: string): Promise<void> {
    await this.#store.forget(id);
  }

  /** Returns which tasks belong to a group that was saved, or `null`. */
  async group(id: string): Promise<TaskChild | null> {
    return (await this.#store.chords?.loadGroup(id)) ?? null;
  }

  /**
   * Follows the record of a task: as it is now, then after every change.
   *
   * Who reads slowly misses states in between, never the latest. Ends after a final state, or when
   * the signal fires. Works across processes.
   *
   * @throws {TidingsError} STORAGE_UNAVAILABLE when the records cannot be read, or are closed.
   */
  async *watch(
    id: string,
    options: WatchOptions = {},
  ): AsyncGenerator<TaskRecord, void, undefined> {
    let seen = -1;
    for await (const _ of this.#wakeups(options, id)) {
      const record = await this.get(id);
      if (record.revision === seen) continue;
      seen = record.revision;
      yield record;
      if (isFinal(record.state)) return;
    }
  }

  /**
   * Yields whenever some record may have changed; changes while the reader is busy are one.
   *
   * @throws {TidingsError} STORAGE_UNAVAILABLE when the tasks are closed.
   */
  async *changes(options: WatchOptions = {}): AsyncGenerator<void, void, undefined> {
    let first = true;
    for await (const _ of this.#wakeups(options)) {
      if (!first) yield;
      first = false;
    }
  }

  /** @internal Ends the waiting of all who follow records. */
  close(): void {
    this.#isClosed = true;
    this.#closing.announce();
  }

  /** Yields once at the start, listening already, then after changes, of one record if `id` is given. */
  async *#wakeups({ signal }: WatchOptions, id?: string): AsyncGenerator<void, void, undefined> {
    if (signal?.aborted) return;
    const wakeup = new Wakeup();
    const wake = (): void => wakeup.wake();
    const hear = (changed: ChangedRecords): void => {
      if (id === undefined || changed === null || changed.includes(id)) wake();
    };
    const unsubscribe = this.#store.onChange(hear, id);
    const leave = this.#closing.subscribe(wake);
    signal?.addEventListener("abort", wake, { once: true });
    try {
      while (!signal?.aborted) {
        if (this.#isClosed) throw new TidingsError("STORAGE_UNAVAILABLE", CLOSED);
        yield;
        await wakeup.wait();
      }
    } finally {
      unsubscribe();
      leave();
      signal?.removeEventListener("abort", wake);
    }
  }
}
