import { Command } from "commander";

import { countQueues, printQueues } from "./count-queues.ts";
import { listWorkers, printWorkers } from "./list-workers.ts";
import { knownQueues } from "./list.ts";
import { jsonOption, timeoutOption } from "./options.ts";
import { printJson } from "./print-json.ts";
import { print } from "./print.ts";
import {
  brokerOption,
  openTaskSource,
  splitModule,
  type TaskSourceOptions,
} from "./task-source.ts";

interface StatusOptions extends TaskSourceOptions {
  readonly timeout: number;
  readonly json?: true;
}

/** `tidings status`: tells which workers answer, and what waits for them. */
export function statusCommand(): Command {
  return new Command("status")
    .description("Show which workers answer, and what waits in the queues.")
    .usage("[options] (<module> | -b <url>)")
    .argument("[module]", "the file that exports the application")
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .addOption(brokerOption())
    .addHelpText("after", "\nExit codes: 0 a worker answers, 1 none does.")
    .action(status);
}

async function status(module: string | undefined, options: StatusOptions): Promise<void> {
  const [path] = splitModule(options, [module], []);
  await using source = await openTaskSource(path, options);
  const { control, queues: contents } = source.tasks;
  const [workers, queues] = await Promise.all([
    listWorkers(control, options.timeout),
    knownQueues(source).then((names) => countQueues(contents, names)),
  ]);
  if (workers.length === 0) process.exitCode = 1;
  if (options.json) {
    await printJson({ workers, queues });
    return;
  }
  if (workers.length > 0) await printWorkers(workers);
  else await print(`No worker has answered within ${options.timeout} s.\n`);
  await print("\n");
  await printQueues(queues);
}
