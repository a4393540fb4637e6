import { assertDuration } from "../../core/options.ts";
import { checkCustomState, type CustomState } from "../results/custom-state.ts";
import type { TaskLogLine, TaskProgress, TaskRecord } from "../results/task-record.ts";

/** A task's record is stored at most this often while it runs: 20 times a second. */
export const STORE_INTERVAL_MS = 50;
/** A record has the last so many lines. */
export const MAX_LOG_LINES = 100;
const MAX_LOG_LENGTH = 1_024;
/** Of the tasks that a task sends, a record names the first so many. */
export const MAX_CHILDREN = 1_000;

/**
 * What a running task says about itself, on its way into the record.
 *
 * What is said while a write is due is stored with it. A task that ends in the tick in which it started
 * is never stored as STARTED: its outcome is all there is to see. `start` is called when it has not ended
 * at once. `close` ends it; nothing is stored afterwards, so that the outcome comes last.
 */
export class TaskReport {
  readonly #store: (record: TaskRecord) => Promise<void>;
  #record: TaskRecord;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStoring = false;
  /** At the start the record itself is to be stored. */
  #isDirty = true;
  #isStarted = false;
  #isClosed = false;

  /** `store` must not reject. */
  constructor(record: TaskRecord, store: (record: TaskRecord) => Promise<void>) {
    this.#record = record;
    this.#store = store;
  }

  /** Stores the record at the end of this tick. */
  start(): void {
    this.#isStarted = true;
    this.#immediate = setImmediate(() => void this.#flush());
  }

  /** The record with all that was said. */
  get record(): TaskRecord {
    return this.#record;
  }

  progress(progress: TaskProgress): void {
    this.#change({ ...this.#record, progress: checkProgress(progress) });
  }

  log(text: string): void {
    const line: TaskLogLine = { at: Date.now(), text: text.slice(0, MAX_LOG_LENGTH) };
    this.#change({ ...this.#record, logs: [...this.#record.logs, line].slice(-MAX_LOG_LINES) });
  }

  updateState(custom: CustomState): void {
    this.#change({ ...this.#record, custom: checkCustomState(custom) });
  }

  /** Stored with what comes next. */
  noteChild(id: string): void {
    const { children } = this.#record;
    if (this.#isClosed || children.length >= MAX_CHILDREN) return;
    this.#record = { ...this.#record, children: [...children, { id }] };
  }

  close(): void {
    this.#isClosed = true;
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
  }

  #change(record: TaskRecord): void {
    if (this.#isClosed) return;
    this.#record = record;
    this.#isDirty = true;
    const isDue = this.#isStoring || this.#immediate !== undefined || this.#timer !== undefined;
    if (this.#isStarted && !isDue) void this.#flush();
  }

  async #flush(): Promise<void> {
    this.#immediate = undefined;
    this.#timer = undefined;
    if (this.#isClosed || !this.#isDirty) return;
    this.#isDirty = false;
    this.#isStoring = true;
    await this.#store(this.#record);
    this.#isStoring = false;
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#flush(), STORE_INTERVAL_MS);
  }
}

/**
 * Returns progress as it is stored.
 *
 * @throws {TidingsError} OPTION_INVALID when it makes no sense.
 */
export function checkProgress({ done, total, message }: TaskProgress): TaskProgress {
  return {
    done: assertDuration("done", done),
    total: assertDuration("total", total),
    ...(message === undefined ? {} : { message: message.slice(0, MAX_LOG_LENGTH) }),
  };
}
