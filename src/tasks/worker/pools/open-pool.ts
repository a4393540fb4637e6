import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { TidingsError } from "../../../core/errors.ts";
import type { Logger } from "../../../core/logger.ts";
import {
  assertKnownOptions,
  assertPositiveInteger,
  invalidOption,
  optionNames,
} from "../../../core/options.ts";
import type { Broker } from "../../brokers/broker.ts";
import { MemoryBroker } from "../../brokers/memory.ts";
import { AsyncPool } from "./async.ts";
import { startProcess, startThread } from "./child-link.ts";
import { ChildPool } from "./child-pool.ts";
import { POOL_KINDS, type TaskPool } from "./pool.ts";

/** Where a worker runs the functions of tasks: on its event loop, or in threads or processes. */
export type PoolOptions = "async" | ChildrenOptions;

/** How to run tasks in threads or processes of their own. */
export interface ChildrenOptions {
  readonly kind: "threads" | "processes";
  /**
   * The module that defines the tasks, as a path or a `file:` URL (`import.meta.url`).
   *
   * Each thread or process imports it and looks for tasks, an app or an application in its exports
   * `default`, `tasks` and `app`. Workers that it starts do not start there.
   */
  readonly module: string | URL;
  /** After so many tasks a thread or process is replaced. @default never */
  readonly maxTasksPerChild?: number | undefined;
  /** One that holds more after a task is replaced; of a thread its heap counts. @default none */
  readonly maxMemoryPerChildBytes?: number | undefined;
  /** How long it may take to load the module. @default 30_000 */
  readonly startTimeoutMs?: number | undefined;
}

const NAMES = optionNames<ChildrenOptions>({
  kind: true,
  module: true,
  maxTasksPerChild: true,
  maxMemoryPerChildBytes: true,
  startTimeoutMs: true,
});

/** What a pool needs of its worker. */
export interface PoolContext {
  readonly broker: Broker;
  readonly logger: Logger;
  /** How many tasks run at the same time. */
  readonly concurrency: number | undefined;
}

/** An event loop waits for many at once; a thread or process needs a core. */
const DEFAULT_CONCURRENCY = 10;

/**
 * Makes a worker's pool.
 *
 * @throws {TidingsError} OPTION_INVALID when options make no sense.
 * @throws {TidingsError} BROKER_NOT_SHARED for a broker in memory: what a task sends would be lost.
 */
export function openPool(
  options: PoolOptions,
  { broker, logger, concurrency }: PoolContext,
): TaskPool {
  if (concurrency !== undefined) assertPositiveInteger("concurrency", concurrency);
  if (options === "async") return new AsyncPool(concurrency ?? DEFAULT_CONCURRENCY);
  if (typeof options === "string") {
    throw invalidOption("pool", '"async", or a kind and a module', options);
  }
  assertKnownOptions("`pool`", options, NAMES);
  const {
    kind,
    module,
    maxTasksPerChild,
    maxMemoryPerChildBytes,
    startTimeoutMs = 30_000,
  } = options;
  if (!POOL_KINDS.includes(kind)) throw invalidOption("pool.kind", POOL_KINDS.join(", "), kind);
  if (broker instanceof MemoryBroker) {
    throw new TidingsError(
      "BROKER_NOT_SHARED",
      `expected a broker that ${kind} share, got one in memory: what a task sends there is lost`,
    );
  }
  return new ChildPool({
    kind,
    logger,
    size: concurrency ?? availableParallelism(),
    moduleUrl: toModuleUrl(module),
    startChild: kind === "threads" ? startThread : startProcess,
    startTimeoutMs: assertPositiveInteger("pool.startTimeoutMs", startTimeoutMs),
    maxTasksPerChild: toBound("pool.maxTasksPerChild", maxTasksPerChild),
    maxMemoryPerChildBytes: toBound("pool.maxMemoryPerChildBytes", maxMemoryPerChildBytes),
  });
}

function toBound(name: string, value: number | undefined): number {
  return value === undefined ? Infinity : assertPositiveInteger(name, value);
}

function toModuleUrl(module: unknown): string {
  if (module instanceof URL) return module.href;
  if (typeof module !== "string" || module === "") {
    throw invalidOption("pool.module", "a path or URL of a module", module);
  }
  return module.startsWith("file:") ? module : pathToFileURL(resolve(module)).href;
}
