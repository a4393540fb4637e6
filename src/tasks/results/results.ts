import { isFinal } from "../states.ts";
import { Wakeup } from "../wakeup.ts";
import type { ChangedRecords, ResultStore } from "./result-store.ts";
import { pendingRecord, type TaskRecord } from "./task-record.ts";

/** How to follow records. */
export interface WatchOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
}

/** The records of tasks, to read and to follow. */
export class Results {
  readonly #store: ResultStore;

  constructor(store: ResultStore) {
    this.#store = store;
  }

  /** Returns the record of a task; an id that nobody knows is PENDING. */
  async get(id: string): Promise<TaskRecord> {
    return (await this.#store.get(id)) ?? pendingRecord(id);
  }

  /**
   * Follows the record of a task: as it is now, then after every change.
   *
   * Who reads slowly misses states in between, never the latest. Ends after a final state, or when
   * the signal fires. Works across processes.
   */
  async *watch(
    id: string,
    options: WatchOptions = {},
  ): AsyncGenerator<TaskRecord, void, undefined> {
    const concernsTask = (changed: ChangedRecords): boolean => changed?.includes(id) ?? true;
    let seen = -1;
    for await (const _ of this.#wakeups(options, concernsTask)) {
      const record = await this.get(id);
      if (record.revision === seen) continue;
      seen = record.revision;
      yield record;
      if (isFinal(record.state)) return;
    }
  }

  /** Yields whenever some record may have changed; changes while the reader is busy are one. */
  async *changes(options: WatchOptions = {}): AsyncGenerator<void, void, undefined> {
    let first = true;
    for await (const _ of this.#wakeups(options, () => true)) {
      if (!first) yield;
      first = false;
    }
  }

  /** Yields once at the start, listening already, then after changes that concern the reader. */
  async *#wakeups(
    { signal }: WatchOptions,
    concerns: (changed: ChangedRecords) => boolean,
  ): AsyncGenerator<void, void, undefined> {
    if (signal?.aborted) return;
    const wakeup = new Wakeup();
    const wake = (): void => wakeup.wake();
    const unsubscribe = this.#store.onChange((changed) => {
      if (concerns(changed)) wake();
    });
    signal?.addEventListener("abort", wake, { once: true });
    try {
      while (!signal?.aborted) {
        yield;
        await wakeup.wait();
      }
    } finally {
      unsubscribe();
      signal?.removeEventListener("abort", wake);
    }
  }
}
