import { Command } from "commander";

import { TidingsError } from "../core/errors.ts";
import { jsonOption, timeoutOption } from "./options.ts";
import { printJson } from "./print-json.ts";
import { printTable } from "./print-table.ts";
import { print } from "./print.ts";
import {
  brokerOption,
  openTaskSource,
  splitModule,
  type TaskSourceOptions,
} from "./task-source.ts";

interface ControlOptions extends TaskSourceOptions {
  readonly destination?: readonly string[];
  readonly timeout: number;
  readonly json?: true;
}

/** `tidings control`: tells workers what to do, or asks them, in Celery's words. */
export function controlCommand(): Command {
  return new Command("control")
    .description("Tell workers what to do, or ask them something: as Celery's control and inspect.")
    .usage("[options] <module> <command> [name=value...]")
    .argument("[module]", "the file that exports the application")
    .argument("[words...]", "the command, and its arguments by name")
    .option("-d, --destination <names>", "the workers, separated by commas (default: all)", toNames)
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .addOption(brokerOption())
    .addHelpText(
      "after",
      "\nAn argument is JSON, or else text: rate_limit task_name=mail.send rate_limit=10/m\nExit codes: 0 all who answered have done it, 1 none has answered, or one with an error.",
    )
    .action(control);
}

async function control(
  first: string | undefined,
  rest: readonly string[],
  options: ControlOptions,
): Promise<void> {
  const words = first === undefined ? rest : [first, ...rest];
  const named = options.broker === undefined ? 2 : 1;
  const [path, method = ""] = splitModule(options, words.slice(0, named), ["COMMAND"]);
  const args = Object.fromEntries(words.slice(named).map(toArgument));
  await using source = await openTaskSource(path, options);
  const { destination, timeout } = options;
  const timeoutMs = timeout * 1_000;
  const asked = { arguments: args, destination, timeoutMs };
  const answers = [...(await source.tasks.control.ask(method, asked))];
  answers.sort(([one], [other]) => one.localeCompare(other));
  if (answers.length === 0 || answers.some(([, answer]) => errorIn(answer) !== undefined)) {
    process.exitCode = 1;
  }
  if (options.json) await printJson(Object.fromEntries(answers));
  else if (answers.length === 0) await print(`No worker has answered within ${timeout} s.\n`);
  else await printTable(["WORKER", "ANSWER"], answers.map(toRow), { whole: ["WORKER"] });
}

function toRow([worker, answer]: readonly [string, unknown]): readonly [string, string] {
  const error = errorIn(answer);
  if (error !== undefined) return [worker, `error: ${toText(error)}`];
  return [worker, toText(fieldOf(answer, "ok") ?? answer)];
}

function toText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function errorIn(answer: unknown): unknown {
  return fieldOf(answer, "error");
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function toNames(text: string): readonly string[] {
  return text.split(",").filter((name) => name !== "");
}

function toArgument(word: string): readonly [name: string, value: unknown] {
  const [, name, text = ""] = /^([a-z_]+)=(.*)$/s.exec(word) ?? [];
  if (name === undefined) {
    throw new TidingsError("OPTION_INVALID", `expected an argument as name=value, got ${word}`);
  }
  return [name, toValue(text)];
}

function toValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON is text.
    return text;
  }
}
