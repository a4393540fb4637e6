import type { Logger } from "../../core/logger.ts";
import { assertKnownOptions, assertPositiveInteger } from "../../core/options.ts";
import type { AutoscaleBounds } from "./autoscale.ts";
import type { PoolOptions } from "./pools/open-pool.ts";
import { assertTimeLimits, type TimeLimitOptions } from "./time-limits.ts";

/** How workers work that do not say otherwise: those of the command line, too. */
export interface WorkerDefaults extends TimeLimitOptions {
  /**
   * How many messages a worker takes for each task that may run: 2 has one wait for each.
   *
   * What waits here waits for this worker, whoever else has time. @default 1
   */
  readonly prefetchMultiplier?: number | undefined;
  /** How soon another worker may run the tasks of one that died. @default 10_000 */
  readonly leaseMs?: number | undefined;
  /** How often the worker of a task may die before the task is given up. @default 20 */
  readonly maxDeliveries?: number | undefined;
  /**
   * How long a take may stay without an answer, or find nothing although messages wait, before the worker
   * takes with new connections. @default 20_000
   */
  readonly deafAfterMs?: number | undefined;
}

/** How a worker works. */
export interface WorkerOptions extends WorkerDefaults {
  /** How many tasks run at the same time. @default 10; as many as there are cores in threads and processes */
  readonly concurrency?: number | undefined;
  /** Decides itself how many, between these bounds, instead of `concurrency`. @default off */
  readonly autoscale?: AutoscaleBounds | undefined;
  /** Where they run. @default "async" */
  readonly pool?: PoolOptions | undefined;
  /** The queues it takes from. @default the default queue and those of the registered tasks */
  readonly queues?: readonly string[] | undefined;
  /** Its name in records and logs. @default worker@<host> */
  readonly name?: string | undefined;
  /** @default the logger of the tasks */
  readonly logger?: Logger | undefined;
  /** How long `stop` lets running tasks go on when it is given no signal. @default 30_000 */
  readonly stopTimeoutMs?: number | undefined;
  /** Called when somebody asks it to shut down, as Celery's control can. @default stops it */
  readonly onShutdown?: (() => void) | undefined;
}

const OF_ALL_WORKERS = {
  prefetchMultiplier: true,
  leaseMs: true,
  maxDeliveries: true,
  deafAfterMs: true,
  timeLimitMs: true,
  softTimeLimitMs: true,
} satisfies Record<keyof WorkerDefaults, true>;
const OF_WORKERS = {
  ...OF_ALL_WORKERS,
  concurrency: true,
  autoscale: true,
  pool: true,
  queues: true,
  name: true,
  logger: true,
  stopTimeoutMs: true,
  onShutdown: true,
} satisfies Record<keyof WorkerOptions, true>;
const DEFAULT_NAMES: ReadonlySet<string> = new Set(Object.keys(OF_ALL_WORKERS));
const NAMES: ReadonlySet<string> = new Set(Object.keys(OF_WORKERS));

/**
 * Returns options, and for what they do not say the defaults.
 *
 * @throws {TidingsError} OPTION_INVALID for one that nobody knows.
 */
export function withWorkerDefaults(
  options: WorkerOptions,
  defaults: WorkerDefaults,
): WorkerOptions {
  assertKnownOptions("a worker", options, NAMES);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

/**
 * Throws when something makes no sense.
 *
 * @throws {TidingsError} OPTION_INVALID
 */
export function assertWorkerDefaults(defaults: WorkerDefaults): void {
  assertKnownOptions("`worker`", defaults, DEFAULT_NAMES);
  const { prefetchMultiplier, leaseMs, maxDeliveries, deafAfterMs } = defaults;
  const numbers = { prefetchMultiplier, leaseMs, maxDeliveries, deafAfterMs };
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined) assertPositiveInteger(name, value);
  }
  assertTimeLimits(defaults);
}
