import { isUtf8 } from "node:buffer";

import { Command, Option } from "commander";

import { TidingsError } from "../core/errors.ts";
import { DEAD_LETTER_REASONS, type DeadLetter, type DeadLetterReason } from "../tasks/index.ts";
import { findLetter } from "./find-letter.ts";
import { integer, jsonOption } from "./options.ts";
import { printJson } from "./print-json.ts";
import { printTable } from "./print-table.ts";
import { print } from "./print.ts";
import {
  brokerOption,
  openTaskSource,
  resultsOption,
  splitModule,
  type TaskSourceOptions,
} from "./task-source.ts";

interface FilterOptions extends TaskSourceOptions {
  readonly queue?: string | undefined;
  readonly task?: string | undefined;
  readonly reason?: DeadLetterReason | undefined;
  readonly json?: true;
}

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly after?: string | undefined;
}

interface ActOptions extends FilterOptions {
  readonly all?: true;
}

/** `tidings dead-letters`: looks after messages that no worker could run. */
export function deadLettersCommand(): Command {
  return new Command("dead-letters")
    .description("List messages that workers gave up, send them again, or discard them.")
    .addCommand(
      withFilter("list", "Print those that fit, the oldest first.")
        .usage("[options] (<module> | -b <url>)")
        .argument("[module]", "the file that exports the application")
        .addOption(
          new Option("--limit <count>", "at most so many")
            .argParser(integer(1, 10_000))
            .default(100),
        )
        .option("--after <place>", "begin where the list before ended")
        .action(list),
    )
    .addCommand(
      withSource("show", "Print one with its whole message, as JSON.")
        .usage("[options] (<module> | -b <url>) <id>")
        .argument("[module]", "the file that exports the application")
        .argument("[id]", "the id of its task, or how it begins")
        .action(show),
    )
    .addCommand(actCommand("redrive", "Send one, or all that fit, to their queues again."))
    .addCommand(actCommand("discard", "Remove one, or all that fit, for good."));
}

function withSource(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(jsonOption())
    .addOption(brokerOption())
    .addOption(resultsOption());
}

function withFilter(name: string, description: string): Command {
  return withSource(name, description)
    .option("-Q, --queue <name>", "those of a queue")
    .option("--task <name>", "those of a task")
    .addOption(new Option("--reason <reason>", "those of a reason").choices(DEAD_LETTER_REASONS));
}

function actCommand(name: "redrive" | "discard", description: string): Command {
  return withFilter(name, description)
    .usage("[options] (<module> | -b <url>) (<id> | --all)")
    .argument("[module]", "the file that exports the application")
    .argument("[id]", "the id of its task, or how it begins; or --all")
    .option("--all", "all that fit, instead of an id")
    .action((first: string | undefined, second: string | undefined, options: ActOptions) =>
      act(name, [first, second], options),
    );
}

async function list(module: string | undefined, options: ListOptions): Promise<void> {
  const [path] = splitModule(options, [module], []);
  await using source = await openTaskSource(path, options);
  const { queue, task, reason, limit, after } = options;
  const { letters, next } = await source.tasks.deadLetters.list({
    queue,
    task,
    reason,
    limit,
    after,
  });
  if (options.json) {
    await printJson({ letters: letters.map(withoutMessage), next });
    return;
  }
  await printTable(
    ["DIED", "ID", "TASK", "QUEUE", "REASON", "ERROR"],
    letters.map((letter) => [
      `${new Date(letter.diedAt).toISOString().slice(0, 19)}Z`,
      letter.id,
      letter.task ?? "-",
      letter.queue,
      letter.reason,
      toErrorText(letter),
    ]),
    { whole: ["DIED", "ID"] },
  );
  if (letters.length === 0)
    process.stderr.write(`There are none${next === null ? "" : " here"}.\n`);
  if (next !== null) process.stderr.write(`There are more: --after ${next}\n`);
}

async function show(
  first: string | undefined,
  second: string | undefined,
  options: FilterOptions,
): Promise<void> {
  const [path, id = ""] = splitModule(options, [first, second], ["ID"]);
  await using source = await openTaskSource(path, options);
  const letter = await findLetter(source.tasks.deadLetters, id);
  if (!letter) return reportMissing(id);
  const shown = toShown(letter);
  if (options.json) await printJson(shown);
  else await print(`${JSON.stringify(shown, null, 2)}\n`);
}

async function act(
  action: "redrive" | "discard",
  words: readonly (string | undefined)[],
  options: ActOptions,
): Promise<void> {
  const { queue, task, reason, all } = options;
  if (!all && (queue ?? task ?? reason) !== undefined) {
    throw new TidingsError("OPTION_INVALID", "expected --all beside --queue, --task or --reason");
  }
  const [path, id = ""] = splitModule(options, words, all ? [] : ["ID (or --all)"]);
  await using source = await openTaskSource(path, options);
  const { deadLetters } = source.tasks;
  const found = all ? null : await findLetter(deadLetters, id);
  const count = all
    ? await deadLetters[`${action}All`]({ queue, task, reason })
    : Number(found && (await deadLetters[action](found.id)));
  if (!all && count === 0) return reportMissing(id);
  if (options.json) await printJson({ count });
  else await print(`${count} ${action === "redrive" ? "sent again" : "discarded"}\n`);
}

function reportMissing(id: string): void {
  process.stderr.write(`there is no dead letter of ${id}\n`);
  process.exitCode = 1;
}

/** What a task threw has a type that tells something; of the rest the reason tells as much. */
function toErrorText({ reason, error }: DeadLetter): string {
  const isOfTask = reason === "failed" || reason === "rejected";
  return isOfTask ? `${error.type}: ${error.message}` : error.message;
}

function withoutMessage({ message: _message, ...facts }: DeadLetter): Omit<DeadLetter, "message"> {
  return facts;
}

/** What is text is shown as text. */
function toShown({ message, ...facts }: DeadLetter): object {
  const bytes = Buffer.from(message.body);
  const body = isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString("base64") };
  return { ...facts, message: { ...message, body } };
}
