import type { Broker, Delivery } from "../brokers/broker.ts";
import type { RateLimitOptions } from "../limits/limit-options.ts";
import type { TaskRuntime } from "../task-runtime.ts";

/** What commands may know of a worker, and do to it. */
export interface ControlledWorker {
  readonly name: string;
  readonly broker: Broker;
  readonly runtime: Pick<
    TaskRuntime,
    "places" | "defaultQueue" | "defaultPriority" | "format" | "resultExpiresMs" | "definitions"
  >;
  readonly pool: ControlledPool;
  /** How many messages it takes for each task that may run. */
  readonly prefetchMultiplier: number;
  /** How often each task has run. */
  readonly totals: ReadonlyMap<string, number>;
  /** When it was started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** How long tasks may run that do not say so themselves. */
  readonly timeLimits: RunTimes;
  readonly running: () => readonly RunningDelivery[];
  /** What it has taken, and not begun yet. */
  readonly waiting: () => readonly Delivery[];
  readonly queues: () => readonly string[];
  addQueue(name: string): void;
  removeQueue(name: string): void;
  /** How often it runs a task, if that was changed while it works. */
  rateLimitOf(task: string): string | RateLimitOptions | null | undefined;
  setRateLimit(task: string, rate: string | null): void;
  setTimeLimits(task: string, limits: RunTimes): void;
  grow(count: number): void;
  shrink(count: number): void;
  /** `undefined` when it does not decide itself how many tasks run. */
  autoscale(): PoolBounds | undefined;
  setAutoscale(bounds: PoolBounds): void;
  /** Cancels a task where the broker has no list of revoked ids. */
  cancel(id: string): Promise<unknown>;
  /** Stops it, as SIGTERM does. */
  shutDown(): void;
}

/** Where a worker runs tasks. */
export interface ControlledPool {
  readonly kind: string;
  /** How many tasks may run at the same time. */
  readonly size: number;
  /** Its threads or processes; none on the event loop. */
  readonly children: readonly {
    readonly pid: number;
    readonly taskId: string | null;
  }[];
}

/** How long tasks may run, in milliseconds. */
export interface RunTimes {
  readonly timeLimitMs?: number | undefined;
  readonly softTimeLimitMs?: number | undefined;
}

/** How many tasks may run at the same time, at least and at most. */
export interface PoolBounds {
  readonly max: number;
  readonly min: number;
}

/** A task that runs. */
export interface RunningDelivery {
  readonly delivery: Delivery;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
}

/** Carries out a command; what it returns is the answer, and what it throws is one with the error. */
export type ControlCommand = (
  worker: ControlledWorker,
  args: Readonly<Record<string, unknown>>,
) => unknown;
