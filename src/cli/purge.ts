import { createInterface } from "node:readline/promises";

import { Command } from "commander";

import { TidingsError } from "../core/errors.ts";
import type { QueueContents } from "../tasks/index.ts";
import { countQueues, printQueues, type CountedQueue } from "./count-queues.ts";
import { jsonOption, queuesOption } from "./options.ts";
import { printJson } from "./print-json.ts";
import { printTable } from "./print-table.ts";
import { print } from "./print.ts";
import {
  brokerOption,
  openTaskSource,
  splitModule,
  type TaskSourceOptions,
} from "./task-source.ts";

interface PurgeOptions extends TaskSourceOptions {
  readonly queues: readonly string[] | undefined;
  readonly force?: true;
  readonly json?: true;
}

/** A queue, and how many messages are gone. */
interface PurgedQueue {
  readonly name: string;
  readonly removed: number;
}

/** `tidings purge`: empties queues. */
export function purgeCommand(): Command {
  return new Command("purge")
    .description("Remove all messages that wait in queues. What workers have goes on.")
    .usage("[options] (<module> | -b <url>)")
    .argument("[module]", "the file that exports the application")
    .addOption(queuesOption("queues to empty, separated by commas (default: those of the tasks)"))
    .option("-f, --force", "do not ask")
    .addOption(jsonOption())
    .addOption(brokerOption())
    .action(purge);
}

async function purge(module: string | undefined, options: PurgeOptions): Promise<void> {
  const [path] = splitModule(options, [module], []);
  await using source = await openTaskSource(path, options);
  const { queues: contents } = source.tasks;
  const names = options.queues ?? source.queues;
  if (!options.force && !(await isConfirmed(await countQueues(contents, names)))) return;
  const purged = await purgeAll(contents, names);
  if (options.json) await printJson(purged);
  else
    await printTable(
      ["QUEUE", "REMOVED"],
      purged.map(({ name, removed }) => [name, String(removed)]),
      { whole: ["QUEUE"] },
    );
}

async function purgeAll(
  contents: QueueContents,
  names: readonly string[],
): Promise<readonly PurgedQueue[]> {
  const purged: PurgedQueue[] = [];
  for (const name of new Set(names)) purged.push({ name, removed: await contents.purge(name) });
  return purged;
}

/** Asks whoever sits there; where nobody does, it must have been said before. */
async function isConfirmed(queues: readonly CountedQueue[]): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new TidingsError(
      "OPTION_INVALID",
      "expected --force, since nobody can be asked here whether messages may be removed for good",
    );
  }
  await printQueues(queues);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const question = "Remove what waits in these queues for good? [y/N] ";
  // Whoever ends the input instead has not agreed.
  const answer = await terminal.question(question).catch(() => "\n");
  terminal.close();
  if (/^y(es)?$/i.test(answer.trim())) return true;
  await print(`${answer.endsWith("\n") ? "\n" : ""}Nothing was removed.\n`);
  process.exitCode = 1;
  return false;
}
