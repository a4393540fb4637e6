import { cancelTask } from "../cancel-task.ts";
import type { ControlledWorker } from "../control/controlled-worker.ts";
import type { RunLimits } from "../limits/run-limits.ts";
import type { TaskRuntime } from "../task-runtime.ts";
import type { TaskPool } from "./pools/pool.ts";
import type { WorkInHand } from "./work-in-hand.ts";
import type { Worker } from "./worker.ts";

/** What of a worker remote control may see and change. */
export interface WorkerParts {
  readonly worker: Worker;
  readonly runtime: TaskRuntime;
  readonly pool: TaskPool;
  readonly hand: WorkInHand;
  readonly limits: RunLimits;
  readonly prefetchMultiplier: number;
  /** How often each task has run. */
  readonly totals: ReadonlyMap<string, number>;
  readonly shutDown: () => void;
}

/** Returns a worker as remote control sees it. */
export function toControlledWorker({
  worker,
  runtime,
  pool,
  hand,
  limits,
  prefetchMultiplier,
  totals,
  shutDown,
}: WorkerParts): ControlledWorker {
  return {
    name: worker.name,
    broker: runtime.broker,
    runtime,
    pool,
    prefetchMultiplier,
    totals,
    startedAt: Date.now(),
    timeLimits: worker.timeLimits,
    running: () => hand.running,
    waiting: () => hand.waiting,
    queues: () => worker.queues,
    addQueue: (queue) => worker.addQueue(queue),
    removeQueue: (queue) => worker.removeQueue(queue),
    rateLimitOf: (task) => limits.rateOf(task),
    setRateLimit: (task, rate) => worker.setRateLimit(task, rate),
    setTimeLimits: (task, options) => worker.setTimeLimits(task, options),
    grow: (count) => worker.grow(count),
    shrink: (count) => worker.shrink(count),
    autoscale: () => worker.autoscale,
    setAutoscale: (bounds) => worker.setAutoscale(bounds),
    cancel: (id) => cancelTask(runtime, id),
    shutDown,
  };
}
