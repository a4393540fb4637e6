import { TidingsError } from "../../core/errors.ts";
import { isRecord } from "../../core/is-record.ts";
import { currentTask } from "../current-task.ts";
import { Retry } from "../retry.ts";
import { defineTask, type TaskDefinition } from "../task.ts";
import { notRegistered } from "./not-registered.ts";

type Definitions = ReadonlyMap<string, TaskDefinition>;

/** A task of Celery's own: what a message of it carries is done with the tasks that are registered here. */
type BuiltIn = (definitions: Definitions) => (...args: readonly unknown[]) => unknown;

/**
 * Celery's own tasks that a worker without Python can carry out.
 *
 * Not among them: those that only Celery's other result stores need, and workflows, which callers take apart.
 *
 * @see https://docs.celeryq.dev/en/stable/userguide/canvas.html#map-starmap
 */
const BUILT_IN: Readonly<Record<string, BuiltIn>> = {
  "celery.map": (definitions) => (call) => runEach(definitions, call, (item) => [item]),
  "celery.starmap": (definitions) => (call) => runEach(definitions, call, toArguments),
  "celery.accumulate": () => accumulate,
  // Records expire by themselves, or are removed by every worker.
  "celery.backend_cleanup": () => () => null,
};

/** Finds the task of a name: one that is registered, or one of Celery's own. */
export function findDefinition(definitions: Definitions, name: string): TaskDefinition | undefined {
  const found = definitions.get(name);
  if (found || !Object.hasOwn(BUILT_IN, name)) return found;
  const run = BUILT_IN[name]?.(definitions);
  return run && defineTask({ name, options: { parameters: "object" }, run });
}

/** One after another, as Celery does; ends between two of them when it is to end. */
async function runEach(
  definitions: Definitions,
  call: unknown,
  toArgs: (item: unknown) => readonly unknown[],
): Promise<readonly unknown[]> {
  const { task, it: items } = isRecord(call) ? call : {};
  const name = isRecord(task) ? task["task"] : undefined;
  if (typeof name !== "string" || !Array.isArray(items)) {
    throw invalidArguments("a signature as `task` and a list as `it`");
  }
  const definition = definitions.get(name);
  if (!definition) throw notRegistered(name, definitions);
  const { signal } = currentTask();
  const results: unknown[] = [];
  for (const item of items) {
    signal.throwIfAborted();
    results.push((await runOne(definition, toArgs(item))) ?? null);
  }
  return results;
}

/** A task that is called by another one cannot be tried again by itself. */
async function runOne(definition: TaskDefinition, args: readonly unknown[]): Promise<unknown> {
  try {
    return await definition.run(args, {});
  } catch (error) {
    throw error instanceof Retry ? (error.cause ?? new Error(error.message)) : error;
  }
}

function toArguments(item: unknown): readonly unknown[] {
  if (Array.isArray(item)) return item;
  throw invalidArguments("a list of arguments for each call");
}

/** "index: which of the arguments to return; all of them without it". */
function accumulate(...args: readonly unknown[]): unknown {
  const last = args.at(-1);
  const { index } = isRecord(last) ? last : {};
  if (index === undefined) return args;
  const item = Number.isSafeInteger(index) ? args.slice(0, -1).at(Number(index)) : undefined;
  if (item === undefined) throw invalidArguments("as `index` the place of an argument");
  return item;
}

function invalidArguments(expected: string): TidingsError {
  return new TidingsError("TASK_INVALID_ARGUMENTS", `expected ${expected}`);
}
