import type { TaskState } from "../states.ts";
import type { CustomState } from "./custom-state.ts";

/** How far a task has come. */
export interface TaskProgress {
  readonly done: number;
  readonly total: number;
  readonly message?: string | undefined;
}

/** A line that a task wrote down. */
export interface TaskLogLine {
  /** When, in milliseconds since 1970. */
  readonly at: number;
  readonly text: string;
}

/** Why a task failed: the kind of error and its message. */
export interface TaskError {
  readonly type: string;
  readonly message: string;
}

/** Who ran a task. */
export interface TaskWorker {
  readonly name: string;
  readonly pid: number;
}

/** What a task has sent: another task, or a group of them. */
export interface TaskChild {
  /** Of the task, or of the group. */
  readonly id: string;
  /** The members of a group. */
  readonly members?: readonly TaskChild[] | undefined;
}

/** Everything that is known of a task. Times are milliseconds since 1970. */
export interface TaskRecord {
  readonly id: string;
  /** The name of the task; `null` while nothing but the id is known. */
  readonly name: string | null;
  readonly state: TaskState;
  readonly queue: string | null;
  /** A state of the task's own, while it is STARTED. */
  readonly custom: CustomState | null;
  readonly progress: TaskProgress | null;
  /** The last lines, at most 100. */
  readonly logs: readonly TaskLogLine[];
  /** What the task returned, when it succeeded. */
  readonly result: unknown;
  /** Why it failed, is tried again, or was cancelled. */
  readonly error: TaskError | null;
  /** Where it failed, if the worker records that. */
  readonly traceback: string | null;
  /** How often it has been retried after an error. */
  readonly retries: number;
  /**
   * How often a worker has started it.
   *
   * More than `retries + 1`: a worker died or stopped in the middle of it, and it ran again.
   */
  readonly runs: number;
  readonly worker: TaskWorker | null;
  /** The task that sent it. */
  readonly parentId: string | null;
  /** The group that it is a member of. */
  readonly groupId: string | null;
  /** What it has sent, while it ran and when it had ended. */
  readonly children: readonly TaskChild[];
  /** When it was started the last time. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** When it will be tried again, in the state RETRY. */
  readonly retryAt: number | null;
  /** Grows with every change of the record. */
  readonly revision: number;
}

/** The record of a task that nobody has started, or that nobody knows. */
export function pendingRecord(id: string): TaskRecord {
  return {
    id,
    name: null,
    state: "PENDING",
    queue: null,
    custom: null,
    progress: null,
    logs: [],
    result: null,
    error: null,
    traceback: null,
    retries: 0,
    runs: 0,
    worker: null,
    parentId: null,
    groupId: null,
    children: [],
    startedAt: null,
    finishedAt: null,
    retryAt: null,
    revision: 0,
  };
}
