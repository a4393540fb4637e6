import { InvalidArgumentError, Option } from "commander";

import { TidingsError } from "../core/errors.ts";
import type { AutoscaleBounds, PoolOptions, WorkerOptions } from "../tasks/index.ts";
import { toNodeName } from "./node-name.ts";
import { integer, names, queuesOption, seconds } from "./options.ts";

const POOLS = ["async", "threads", "processes", "solo"] as const;

/** What the command line says of a worker. */
export interface WorkerArguments {
  readonly concurrency: number | undefined;
  readonly pool: (typeof POOLS)[number];
  readonly queues: readonly string[] | undefined;
  readonly excludeQueues: readonly string[] | undefined;
  readonly name: string | undefined;
  readonly autoscale: AutoscaleBounds | undefined;
  readonly prefetchMultiplier: number | undefined;
  /** In seconds, as Celery has it. */
  readonly timeLimit: number | undefined;
  readonly softTimeLimit: number | undefined;
  readonly lease: number | undefined;
  readonly maxDeliveries: number | undefined;
  readonly maxTasksPerChild: number | undefined;
  /** In KiB, as Celery has it. */
  readonly maxMemoryPerChild: number | undefined;
}

/** What a worker may be told on the command line, in the words of Celery's. */
export function workerOptions(): readonly Option[] {
  return [
    new Option(
      "-c, --concurrency <count>",
      "tasks that run at the same time (default: 10; threads and processes: one for each core)",
    ).argParser(integer(1, 1_000)),
    new Option(
      "-P, --pool <kind>",
      "where they run: on the event loop, in threads, in processes, or one after another",
    )
      .choices(POOLS)
      .default("async"),
    new Option(
      "--autoscale <max,min>",
      "run more tasks at the same time while some wait, fewer when there are few",
    )
      .conflicts("concurrency")
      .argParser(bounds),
    new Option(
      "--prefetch-multiplier <count>",
      "messages to take for each task that may run (default: 1, none ahead)",
    ).argParser(integer(1, 1_000)),
    queuesOption(),
    new Option(
      "-X, --exclude-queues <names>",
      "queues not to work for, separated by commas",
    ).argParser(names),
    new Option(
      "-n, --name <name>",
      "its name, in logs and for remote control: %h is the host, %n without domain (default: worker@%h)",
    ).argParser(nodeName),
    new Option("--time-limit <seconds>", "end a task that runs longer").argParser(positiveSeconds),
    new Option("--soft-time-limit <seconds>", "tell a task that runs longer").argParser(
      positiveSeconds,
    ),
    new Option(
      "--lease <seconds>",
      "how soon another worker may run its tasks when it dies (default: 10)",
    ).argParser(positiveSeconds),
    new Option(
      "--max-deliveries <count>",
      "how often the worker of a task may die before the task is given up (default: 20)",
    ).argParser(integer(1, Number.MAX_SAFE_INTEGER)),
    new Option(
      "--max-tasks-per-child <count>",
      "replace a thread or process after so many tasks",
    ).argParser(integer(1, Number.MAX_SAFE_INTEGER)),
    new Option(
      "--max-memory-per-child <KiB>",
      "replace a thread or process that holds more",
    ).argParser(integer(1, Number.MAX_SAFE_INTEGER)),
  ];
}

/**
 * Returns the options of the worker that the command line asks for.
 *
 * `path` is the application's module; `known` are the queues that it works for unless it is told.
 *
 * @throws {TidingsError} OPTION_INVALID for options that contradict each other.
 */
export function toWorkerOptions(
  path: string,
  options: WorkerArguments,
  known: readonly string[],
): WorkerOptions {
  const { name, pool, autoscale, concurrency, timeLimit, softTimeLimit } = options;
  if (timeLimit !== undefined && softTimeLimit !== undefined && softTimeLimit > timeLimit) {
    throw contradiction(`--soft-time-limit ${softTimeLimit}`, `--time-limit ${timeLimit}`);
  }
  if (pool === "solo" && concurrency !== undefined && concurrency !== 1) {
    throw contradiction("--pool solo", `--concurrency ${concurrency}`);
  }
  if (pool === "solo" && autoscale) {
    throw contradiction("--pool solo", `--autoscale ${autoscale.max},${autoscale.min}`);
  }
  return {
    autoscale,
    prefetchMultiplier: options.prefetchMultiplier,
    name: name === undefined ? undefined : toNodeName(name),
    concurrency: pool === "solo" ? 1 : concurrency,
    pool: toPool(path, options),
    queues: toQueues(options, known),
    timeLimitMs: toMilliseconds(timeLimit),
    softTimeLimitMs: toMilliseconds(softTimeLimit),
    leaseMs: toMilliseconds(options.lease),
    maxDeliveries: options.maxDeliveries,
  };
}

function toPool(module: string, options: WorkerArguments): PoolOptions {
  const { pool: kind, maxTasksPerChild, maxMemoryPerChild } = options;
  if (kind === "threads" || kind === "processes") {
    const maxMemoryPerChildBytes = maxMemoryPerChild && maxMemoryPerChild * 1024;
    return { kind, module, maxTasksPerChild, maxMemoryPerChildBytes };
  }
  const limits = {
    "--max-tasks-per-child": maxTasksPerChild,
    "--max-memory-per-child": maxMemoryPerChild,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (value !== undefined) throw contradiction(`${name} ${value}`, `--pool ${kind}`);
  }
  return "async";
}

function toQueues(
  { queues, excludeQueues }: WorkerArguments,
  known: readonly string[],
): readonly string[] | undefined {
  if (!excludeQueues) return queues;
  const rest = (queues ?? known).filter((name) => !excludeQueues.includes(name));
  if (rest.length > 0) return rest;
  const asked = queues
    ? `--queues ${queues.join(",")}`
    : `the application's own ${known.join(",")}`;
  throw new TidingsError(
    "OPTION_INVALID",
    `expected a queue to work for, but --exclude-queues ${excludeQueues.join(",")} leaves none of ${asked}`,
  );
}

function contradiction(one: string, other: string): TidingsError {
  return new TidingsError("OPTION_INVALID", `expected \`${one}\` or \`${other}\`, got both`);
}

function toMilliseconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.ceil(value * 1_000);
}

/** "`--autoscale max,min`"; without a minimum it is 1. */
function bounds(text: string): AutoscaleBounds {
  const [max = 0, min = 1, ...rest] = text.split(",").map(Number);
  const areCounts = [max, min].every((count) => Number.isSafeInteger(count) && count >= 1);
  if (areCounts && min <= max && rest.length === 0) return { max, min };
  throw new InvalidArgumentError("Expected two whole numbers, the larger one first: 10,2.");
}

function nodeName(text: string): string {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("Expected a name, such as mail@%h.");
}

function positiveSeconds(text: string): number {
  const value = seconds(text);
  if (value > 0) return value;
  throw new InvalidArgumentError("Expected a number of seconds, more than 0.");
}
