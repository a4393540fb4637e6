import { Command } from "commander";

import { CONTROL_ARGUMENTS } from "../tasks/index.ts";
import { toControlArguments } from "./control-arguments.ts";
import { explainAnswer } from "./explain-answer.ts";
import { jsonOption, names, timeoutOption } from "./options.ts";
import { printJson } from "./print-json.ts";
import { printTable } from "./print-table.ts";
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

/** All but the older names, and what workers say to each other. */
const COMMANDS: readonly string[] = [...CONTROL_ARGUMENTS.keys()]
  .filter((name) => !/^dump_|^hello$|^election$|^heartbeat$/.test(name))
  .toSorted();

/** `tidings control`: tells workers what to do, or asks them, in Celery's words. */
export function controlCommand(): Command {
  return new Command("control")
    .description("Tell workers what to do, or ask them something: as Celery's control and inspect.")
    .usage("[options] (<module> | -b <url>) <command> [name=value...]")
    .argument("[module]", "the file that exports the application")
    .argument("[words...]", "the command, and its arguments by name")
    .option("-d, --destination <names>", "the workers, separated by commas (default: all)", names)
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .addOption(brokerOption())
    .addHelpText(
      "after",
      `\nCommands: ${COMMANDS.join(", ")}.\nAn argument is JSON, or else text: rate_limit task_name=mail.send rate_limit=10/m\nExit codes: 0 all have done it, 1 one has not answered, or with an error.`,
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
  const args = toControlArguments(method, words.slice(named));
  await using source = await openTaskSource(path, options);
  const { destination, timeout } = options;
  const timeoutMs = timeout * 1_000;
  const asked = { arguments: args, destination, timeoutMs };
  const answers = await source.tasks.control.ask(method, asked);
  const complaints = complainOfSilence(destination, answers);
  const hasFailed = answers.values().some((answer) => errorIn(answer) !== undefined);
  if (complaints.length > 0 || hasFailed) process.exitCode = 1;
  const rows = [...answers].toSorted(([one], [other]) => one.localeCompare(other));
  if (options.json) await printJson(Object.fromEntries(rows));
  else if (rows.length > 0)
    await printTable(
      ["WORKER", "ANSWER"],
      rows.map(([worker, answer]) => [worker, tell(method, answer)]),
      { whole: ["WORKER"] },
    );
  for (const complaint of complaints) process.stderr.write(`${complaint} within ${timeout} s.\n`);
  if (complaints.length === 0 || !destination || method === "shutdown") return;
  const present = await source.tasks.control.ask("ping", { timeoutMs });
  process.stderr.write(namePresent(new Set([...answers.keys(), ...present.keys()])));
}

/** A name that was mistyped is seen beside those that there are. */
function namePresent(workers: ReadonlySet<string>): string {
  if (workers.size === 0) return "No worker answers.\n";
  return `Workers that answer: ${[...workers].toSorted().join(", ")}.\n`;
}

function complainOfSilence(
  destination: readonly string[] | undefined,
  answers: ReadonlyMap<string, unknown>,
): readonly string[] {
  if (!destination) return answers.size === 0 ? ["No worker has answered"] : [];
  const silent = destination.filter((name) => !answers.has(name));
  return silent.map((name) => `${name} has not answered`);
}

function tell(method: string, answer: unknown): string {
  const error = errorIn(answer);
  if (error !== undefined) return `error: ${explainAnswer(method, error)}`;
  return toText(fieldOf(answer, "ok") ?? answer);
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
