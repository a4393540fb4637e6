import { Command } from "commander";

import { TidingsError } from "../core/errors.ts";
import { countQueues, printQueues } from "./count-queues.ts";
import { listWorkers, printWorkers } from "./list-workers.ts";
import { jsonOption, queuesOption, timeoutOption } from "./options.ts";
import { printJson } from "./print-json.ts";
import { printTable } from "./print-table.ts";
import {
  brokerOption,
  openTaskSource,
  splitModule,
  type TaskSource,
  type TaskSourceOptions,
} from "./task-source.ts";

interface ListOptions extends TaskSourceOptions {
  readonly queues: readonly string[] | undefined;
  readonly timeout: number;
  readonly json?: true;
}

/** `tidings list`: names tasks, queues or workers. */
export function listCommand(): Command {
  return new Command("list")
    .description("List tasks, queues with their messages, or workers that answer.")
    .usage("[options] (<module> | -b <url>) tasks|queues|workers")
    .argument("[module]", "the file that exports the application")
    .argument("[what]", "tasks (with --broker those of the workers), queues or workers")
    .addOption(queuesOption("queues to count (default: all)"))
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .addOption(brokerOption())
    .action(list);
}

async function list(
  first: string | undefined,
  second: string | undefined,
  options: ListOptions,
): Promise<void> {
  const [path, what = ""] = splitModule(options, [first, second], ["tasks|queues|workers"]);
  const show = SUBJECTS.get(what);
  if (!show) {
    const known = [...SUBJECTS.keys()].join(", ");
    throw new TidingsError("OPTION_INVALID", `expected one of ${known}, got ${what}`);
  }
  await using source = await openTaskSource(path, options);
  await show(source, options);
}

type Show = (source: TaskSource, options: ListOptions) => Promise<void>;

const SUBJECTS: ReadonlyMap<string, Show> = new Map([
  ["tasks", showTasks],
  ["queues", showQueues],
  ["workers", showWorkers],
]);

async function showTasks({ tasks }: TaskSource, options: ListOptions): Promise<void> {
  const names =
    options.broker === undefined
      ? tasks.names
      : (await listWorkers(tasks.control, options.timeout)).flatMap((worker) => worker.tasks);
  const sorted = [...new Set(names)].toSorted();
  if (options.json) await printJson(sorted);
  else
    await printTable(
      ["TASK"],
      sorted.map((name) => [name]),
      { whole: ["TASK"] },
    );
}

async function showQueues(source: TaskSource, { queues, json }: ListOptions): Promise<void> {
  const counted = await countQueues(source.tasks.queues, queues ?? (await knownQueues(source)));
  if (json) await printJson(counted);
  else await printQueues(counted);
}

/** Those of the application, and those that the broker knows of. */
export async function knownQueues({ tasks, queues }: TaskSource): Promise<readonly string[]> {
  return [...new Set([...queues, ...((await tasks.queues.list()) ?? [])])].toSorted();
}

async function showWorkers({ tasks }: TaskSource, { timeout, json }: ListOptions): Promise<void> {
  const workers = await listWorkers(tasks.control, timeout);
  if (json) await printJson(workers);
  else await printWorkers(workers);
}
