import { AsyncLocalStorage } from "node:async_hooks";

import { TidingsError } from "../core/errors.ts";
import type { TaskProgress } from "./results/task-record.ts";

/** The task that is running, as its own function sees it. */
export interface CurrentTask {
  readonly id: string;
  readonly name: string;
  /** Its arguments by place, as they came. */
  readonly args: readonly unknown[];
  /** Its arguments by name, as they came. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** What the caller put beside the arguments. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** The queue it came from; `null` when it was called as a plain function. */
  readonly queue: string | null;
  /** How often it has been retried after an error. */
  readonly retries: number;
  /** How often a worker has started it, this time included. */
  readonly runs: number;
  /** The first task of the workflow; its own id for the first. */
  readonly rootId: string;
  /** The task that sent this one. */
  readonly parentId: string | null;
  /** The group that it is a member of. */
  readonly groupId: string | null;
  /** Before this time it was not to run. */
  readonly eta: Date | null;
  /** After this time it was not to start. */
  readonly expires: Date | null;
  /** As the broker counts it. */
  readonly priority: number | null;
  /** Who sent it: `gen<pid>@<host>`. */
  readonly origin: string | null;
  /** Where its caller waits for results that are sent rather than stored. */
  readonly replyTo: string | null;
  /** Who runs it; `null` when it was called as a plain function. */
  readonly workerName: string | null;
  /** When it is ended, because of its time limit; `null` when it has none. */
  readonly deadline: Date | null;
  /**
   * Fires when the task is cancelled, has reached its soft or hard time limit, its worker stops, or
   * another worker has taken it over.
   */
  readonly signal: AbortSignal;
  /**
   * Says how far the task has come.
   *
   * Stored at most 20 times a second, the latest always; the outcome never overtakes it.
   */
  progress(progress: TaskProgress): Promise<void>;
  /**
   * Puts a state of the task's own into the record, until the task ends: callers in Python see it as its
   * state, with `meta` as its info.
   *
   * Stored as progress is. The name has at most 50 characters, `meta` at most 65,536 bytes of JSON.
   */
  updateState(state: string, meta?: unknown): Promise<void>;
  /** Writes a line into the record: of the last 100, each cut at 1,024 characters. */
  log(text: string): Promise<void>;
}

/** What a task is to those who send others for it, or hear what it has left behind. */
export interface RunningTask extends CurrentTask {
  /** Notes that it has sent another task. */
  readonly noteChild?: ((id: string) => void) | undefined;
  /** Ends it with an error that its function did not throw. */
  readonly fail?: ((error: Error) => void) | undefined;
}

/** The task is made when somebody asks for it first: most functions never do. */
const running = new AsyncLocalStorage<() => RunningTask>();

/**
 * Returns the task that is running here.
 *
 * @throws {TidingsError} TASK_NOT_RUNNING outside of a task.
 */
export function currentTask(): CurrentTask {
  const task = findCurrentTask();
  if (task) return task;
  throw new TidingsError(
    "TASK_NOT_RUNNING",
    "expected currentTask() to be called while a task runs, got a call outside of one",
  );
}

/** @internal The task that is running here, if any. */
export function findCurrentTask(): RunningTask | undefined {
  return running.getStore()?.();
}

/** @internal Runs a function as a task, which is made once, if at all. */
export function runAs<T>(make: () => RunningTask, run: () => T): T {
  let task: RunningTask | undefined;
  return running.run(() => (task ??= make()), run);
}
