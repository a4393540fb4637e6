import { TidingsError } from "../core/errors.ts";
import { assertDuration, assertKnownOptions, optionNames } from "../core/options.ts";
import type { PreparedCall } from "./prepare-call.ts";
import type { Results } from "./results/results.ts";
import type { TaskChild, TaskRecord } from "./results/task-record.ts";
import { isFinal } from "./states.ts";

/** How to wait for a result. */
export interface GetOptions {
  /** Gives up after so long. @default never */
  readonly timeoutMs?: number | undefined;
  /** Gives up when it fires; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

const GET_NAMES = optionNames<GetOptions>({ timeoutMs: true, signal: true });

/** What an {@link AsyncResult} asks. */
export interface ResultSource {
  readonly results: Results;
  cancel(id: string): Promise<boolean>;
}

/** A task that was sent, and what becomes of it. */
export class AsyncResult<T = unknown> {
  readonly id: string;
  /** Whether it was sent with `ignoreResult`: then nothing is recorded of it. */
  readonly isIgnored: boolean;
  readonly #source: ResultSource;
  /** For errors: the record may not tell. */
  readonly #task: string | undefined;

  constructor(
    id: string,
    source: ResultSource,
    { ignoreResult = false, task }: Partial<Pick<PreparedCall, "ignoreResult" | "task">> = {},
  ) {
    this.id = id;
    this.isIgnored = ignoreResult;
    this.#task = task;
    this.#source = source;
  }

  /**
   * Waits for the task to end, and returns what it returned, as a message carries it.
   *
   * @throws {TidingsError} TASK_FAILED when it failed; `cause` is `{ type, message }` of its error.
   * @throws {TidingsError} TASK_CANCELLED when it was cancelled or had expired.
   * @throws {TidingsError} TASK_RESULT_TIMEOUT when it has not ended after `timeoutMs`. It goes on.
   * @throws {TidingsError} TASK_RESULT_IGNORED when it was sent with `ignoreResult`.
   * @throws {TidingsError} STORAGE_UNAVAILABLE when the tasks are closed meanwhile.
   */
  async get(options: GetOptions = {}): Promise<T> {
    assertKnownOptions("the wait for a result", options, GET_NAMES);
    const { timeoutMs, signal } = options;
    signal?.throwIfAborted();
    if (this.isIgnored) throw ignored(this.id);
    const patience = new AbortController();
    const giveUp = (): void => patience.abort();
    const timer = timeoutMs === undefined ? undefined : startTimer(timeoutMs, giveUp);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      for await (const record of this.#source.results.watch(this.id, { signal: patience.signal })) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- here the task's type is believed
        if (isFinal(record.state)) return toValue(record, this.#task) as T;
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
    signal?.throwIfAborted();
    throw new TidingsError(
      "TASK_RESULT_TIMEOUT",
      `task ${this.id} has not ended after ${timeoutMs} ms`,
    );
  }

  /** Reads the task's record. */
  record(): Promise<TaskRecord> {
    return this.#source.results.get(this.id);
  }

  /** The task's state as Celery tells it: one of its own, if the task has put one into its record. */
  async state(): Promise<string> {
    const { state, custom } = await this.record();
    return state === "STARTED" ? (custom?.state ?? state) : state;
  }

  /** The tasks that it has sent, those of a group one by one. */
  async children(): Promise<readonly AsyncResult[]> {
    const { children } = await this.record();
    return children.flatMap(tasksOf).map((id) => new AsyncResult(id, this.#source));
  }

  /** Removes the task's record. A task that has not ended goes on, and is recorded again. */
  async forget(): Promise<void> {
    await this.#source.results.forget(this.id);
  }

  /** Cancels the task; `false` when there is nothing left to cancel. */
  cancel(): Promise<boolean> {
    return this.#source.cancel(this.id);
  }
}

function tasksOf({ id, members }: TaskChild): readonly string[] {
  return members ? members.flatMap(tasksOf) : [id];
}

function ignored(id: string): TidingsError {
  const message = `nothing is recorded of task ${id}: it was sent with ignoreResult`;
  return new TidingsError("TASK_RESULT_IGNORED", message);
}

function startTimer(timeoutMs: number, giveUp: () => void): NodeJS.Timeout {
  return setTimeout(giveUp, assertDuration("timeoutMs", timeoutMs));
}

function toValue(
  { id, name, state, result, error }: TaskRecord,
  sentAs = "of unknown name",
): unknown {
  if (state === "SUCCESS") return result;
  const task = `task ${name ?? sentAs} (${id})`;
  const why = error ? `${error.type}: ${error.message}` : "no reason is recorded";
  if (state === "FAILURE") {
    throw new TidingsError("TASK_FAILED", `${task} failed: ${why}`, { cause: error });
  }
  throw new TidingsError("TASK_CANCELLED", `${task} was revoked: ${why}`, { cause: error });
}
