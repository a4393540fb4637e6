import type { EncodedMessage, TaskMessage } from "../../message/message.ts";
import type { TaskDefinition } from "../../task.ts";
import type { Interruption } from "../interruption.ts";
import type { TaskReport } from "../report.ts";
import type { RunFacts } from "./to-current-task.ts";

/** What a pool is made of: the event loop, threads, or processes. */
export const POOL_KINDS = ["async", "threads", "processes"] as const;

/** One of {@link POOL_KINDS}. */
export type PoolKind = (typeof POOL_KINDS)[number];

/** One call of a task, and all that it may say and hear while it runs. */
export interface PoolCall {
  readonly definition: TaskDefinition;
  readonly message: TaskMessage;
  /** The message as the broker carried it, for those who decode it elsewhere. */
  readonly encoded: EncodedMessage;
  readonly facts: RunFacts;
  readonly report: TaskReport;
  /** Its signal is the task's. When it is overdue, the outcome is no longer waited for. */
  readonly interruption: Interruption;
}

/** A thread or process that runs tasks. */
export interface PoolChild {
  /** The process that it is, or is in. */
  readonly pid: number;
  /** The task that it runs, if it does. */
  readonly taskId: string | null;
}

/**
 * Where the functions of tasks run.
 *
 * - `run` MUST call the function once, as the current task that {@link toCurrentTask} makes, and return
 *   or throw what the function does.
 * - `run` MUST throw TASK_WORKER_LOST when what ran the function died before it ended.
 * - When the interruption is overdue, whatever can be ended MUST be ended; what `run` then does is not
 *   looked at.
 * - `run` is called while fewer than `capacity` calls run.
 */
export interface TaskPool {
  readonly kind: PoolKind;
  /** How many tasks it is to run at the same time. */
  readonly size: number;
  /** How many tasks it can run at the same time now: fewer, when something is being replaced. */
  readonly capacity: number;
  /** Its threads or processes that are ready; none on the event loop. */
  readonly children: readonly PoolChild[];
  /** Prepares what runs tasks; rejects when it cannot. Later changes of `capacity` are announced. */
  start(onChange: () => void): Promise<void>;
  run(call: PoolCall): unknown;
  /** Changes how many tasks may run; those that run are not ended. */
  resize(size: number): void;
  /** Ends what ran tasks. Nothing runs any more, or its outcome is no longer waited for. */
  stop(): Promise<void>;
}
