import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { Option } from "commander";

import { TidingsError } from "../core/errors.ts";
import { parseSqlitePath } from "../sqlite/index.ts";
import { createTasks, type Tasks } from "../tasks/index.ts";
import { loadApplication } from "./load-application.ts";

/** Where a command finds the tasks: in a module, or by the URLs of their drivers. */
export interface TaskSourceOptions {
  readonly broker?: string | undefined;
  readonly results?: string | undefined;
}

/** The tasks that a command is about. */
export interface TaskSource extends AsyncDisposable {
  readonly tasks: Tasks;
  /** The queues that a worker of them would take from. */
  readonly queues: readonly string[];
}

export function brokerOption(): Option {
  return new Option("-b, --broker <url>", "the broker, instead of a MODULE");
}

export function resultsOption(): Option {
  return new Option(
    "--results <url>",
    "with --broker: the results (default: the broker's URL; rpc:// for amqp://)",
  );
}

/**
 * Splits what is named behind a command into the MODULE and the rest; with `--broker` there is no MODULE.
 *
 * @throws {TidingsError} OPTION_INVALID unless there are as many words as are asked for.
 */
export function splitModule(
  { broker }: TaskSourceOptions,
  words: readonly (string | undefined)[],
  rest: readonly string[],
): readonly [path: string | undefined, ...rest: readonly string[]] {
  const given = words.filter((word) => word !== undefined);
  const names = broker === undefined ? ["MODULE", ...rest] : rest;
  if (given.length === names.length)
    return broker === undefined ? toSplit(given) : [undefined, ...given];
  const instead = broker === undefined ? "; --broker <url> stands for MODULE" : " beside --broker";
  const expected = names.length === 0 ? "nothing" : names.join(" ");
  throw new TidingsError(
    "OPTION_INVALID",
    `expected ${expected}${instead}, got ${given.length === 0 ? "nothing" : given.join(" ")}`,
  );
}

function toSplit([path, ...rest]: readonly string[]): readonly [string | undefined, ...string[]] {
  return [path, ...rest];
}

/**
 * Opens the tasks of a module, or those at a broker.
 *
 * A module opens its databases itself, and makes what is missing; the command line makes none.
 *
 * @throws {TidingsError} STORAGE_UNAVAILABLE for a file that is not there.
 */
export async function openTaskSource(
  path: string | undefined,
  { broker = "", results = resultsBeside(broker) }: TaskSourceOptions,
): Promise<TaskSource> {
  if (path === undefined) {
    assertReachable(broker);
    assertExisting(broker);
    assertExisting(results);
    const tasks = createTasks({ broker, results });
    return toSource(tasks, () => tasks.close());
  }
  const application = await loadApplication(path);
  const { app } = application;
  try {
    assertReachable(app.drivers.broker);
    await application.loadTasks();
    return toSource(app.tasks, () => app.close());
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** RabbitMQ keeps no results: it sends them to whoever called. */
function resultsBeside(broker: string): string {
  return /^amqps?:/.test(broker) ? "rpc://" : broker;
}

function toSource(tasks: Tasks, close: () => Promise<void>): TaskSource {
  return { tasks, queues: tasks.createWorker().queues, [Symbol.asyncDispose]: close };
}

/** What is in the memory of another process cannot be looked at. */
function assertReachable(broker: string): void {
  if (!broker.startsWith("memory:")) return;
  throw new TidingsError(
    "BROKER_NOT_SHARED",
    "the broker is in memory, where no other process can reach it: choose one that processes share (sqlite:…, redis://…)",
  );
}

/** An empty file that a slip of the pen has made looks like a broker without tasks. */
function assertExisting(url: string): void {
  if (!url.startsWith("sqlite:")) return;
  const path = resolve(parseSqlitePath(url));
  if (existsSync(path)) return;
  throw new TidingsError(
    "STORAGE_UNAVAILABLE",
    `there is no database ${path}; check the path, or start the application that makes it`,
  );
}
