import { Command } from "commander";

import { jsonOption, waitOption } from "./options.ts";
import { reportRecord } from "./report-record.ts";
import {
  brokerOption,
  openTaskSource,
  resultsOption,
  splitModule,
  type TaskSourceOptions,
} from "./task-source.ts";
import { waitForRecord } from "./wait-for-record.ts";

interface ResultOptions extends TaskSourceOptions {
  readonly wait: number | true | undefined;
  readonly traceback?: true;
  readonly json?: true;
}

/** `tidings result`: tells what became of a task. */
export function resultCommand(): Command {
  return new Command("result")
    .description("Print the result of a task, or what is known of it so far.")
    .usage("[options] (<module> | -b <url>) <id>")
    .argument("[module]", "the file that exports the application")
    .argument("[id]", "the id of the task")
    .addOption(waitOption())
    .option("--traceback", "where it failed, too")
    .addOption(jsonOption())
    .addOption(brokerOption())
    .addOption(resultsOption())
    .addHelpText(
      "after",
      "\nExit codes: 0 it succeeded, 1 it failed or was revoked, 3 it has not ended.",
    )
    .action(result);
}

async function result(
  first: string | undefined,
  second: string | undefined,
  options: ResultOptions,
): Promise<void> {
  const [path, id = ""] = splitModule(options, [first, second], ["ID"]);
  await using source = await openTaskSource(path, options);
  const record = await waitForRecord(source.tasks, id, options.wait ?? 0);
  await reportRecord(record, options);
}
