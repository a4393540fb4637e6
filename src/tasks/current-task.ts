import { AsyncLocalStorage } from "node:async_hooks";

import { TidingsError } from "../core/errors.ts";
import type { TaskProgress } from "./results/task-record.ts";

/** The task that is running, as its own function sees it. */
export interface CurrentTask {
  readonly id: string;
  readonly name: string;
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
  /** Writes a line into the record: of the last 100, each cut at 1,024 characters. */
  log(text: string): Promise<void>;
}

const running = new AsyncLocalStorage<CurrentTask>();

/**
 * Returns the task that is running here.
 *
 * @throws {TidingsError} TASK_NOT_RUNNING outside of a task.
 */
export function currentTask(): CurrentTask {
  const task = running.getStore();
  if (task) return task;
  throw new TidingsError(
    "TASK_NOT_RUNNING",
    "expected currentTask() to be called while a task runs, got a call outside of one",
  );
}

/** @internal The task that is running here, if any. */
export function findCurrentTask(): CurrentTask | undefined {
  return running.getStore();
}

/** @internal Runs a function as the given task. */
export function runAs<T>(task: CurrentTask, run: () => T): T {
  return running.run(task, run);
}
