import { Command } from "commander";

import { cancelTask, isFinal, type Tasks } from "../tasks/index.ts";
import { jsonOption } from "./options.ts";
import { printJson } from "./print-json.ts";
import { print } from "./print.ts";
import {
  brokerOption,
  openTaskSource,
  resultsOption,
  splitModule,
  type TaskSourceOptions,
} from "./task-source.ts";

interface CancelOptions extends TaskSourceOptions {
  readonly json?: true;
}

/** What became of one id. */
interface Cancelled {
  readonly id: string;
  /** `null` when it is not known, and the broker cannot look into its queues. */
  readonly cancelled: boolean | null;
  /** The state of what could not be cancelled, if anything is known of it. */
  readonly state?: string | undefined;
}

/** `tidings cancel`: cancels tasks by their ids. */
export function cancelCommand(): Command {
  return new Command("cancel")
    .description("Cancel tasks: those that wait never run, those that run are told to end.")
    .usage("[options] (<module> | -b <url>) <ids...>")
    .argument("[module]", "the file that exports the application")
    .argument("[ids...]", "the ids of the tasks")
    .addOption(jsonOption())
    .addOption(brokerOption())
    .addOption(resultsOption())
    .addHelpText(
      "after",
      "\nAs Celery's `revoke --terminate`: a task of Python that runs is ended by its worker.\nExit codes: 0 none of them will be run, 1 for some there was nothing to cancel.",
    )
    .action(cancel);
}

async function cancel(
  first: string | undefined,
  rest: readonly string[],
  options: CancelOptions,
): Promise<void> {
  const words = first === undefined ? rest : [first, ...rest];
  const isOfBroker = options.broker !== undefined;
  const ids = isOfBroker ? words : words.slice(1);
  const [path] = splitModule(options, words.slice(0, isOfBroker ? 1 : 2), ["ID"]);
  await using source = await openTaskSource(isOfBroker ? undefined : path, options);
  const outcomes: Cancelled[] = [];
  for (const id of new Set(ids)) outcomes.push(await cancelOne(source.tasks, id));
  if (outcomes.some(({ cancelled }) => cancelled === false)) process.exitCode = 1;
  if (options.json) await printJson(outcomes);
  else for (const outcome of outcomes) await report(outcome);
}

async function cancelOne({ runtime, results }: Tasks, id: string): Promise<Cancelled> {
  const outcome = await cancelTask(runtime, id);
  if (outcome !== "nothing") return { id, cancelled: outcome === "cancelled" || null };
  const { state } = await results.get(id);
  return { id, cancelled: false, ...(isFinal(state) && { state }) };
}

async function report({ id, cancelled, state }: Cancelled): Promise<void> {
  if (cancelled) await print(`${id} cancelled\n`);
  else if (cancelled === null)
    await print(`${id} is not known: it will be cancelled if a worker receives it\n`);
  else process.stderr.write(`${id} ${state ? `has ended: ${state}` : "is not known"}\n`);
}
