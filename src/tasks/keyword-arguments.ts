import { TidingsError } from "../core/errors.ts";
import { invalidOption } from "../core/options.ts";

/** How a function takes arguments that are sent by name, as Python does. */
export interface KeywordOptions {
  /**
   * The names of its parameters, in their order: each argument comes to its parameter.
   *
   * "object" has whatever comes by name in one object, the last argument, like `**kwargs`.
   *
   * @default none: arguments by name are refused
   */
  readonly parameters?: readonly string[] | "object" | undefined;
}

/** Of what a caller sent, errors show so many names of such a length. */
const MAX_NAMES_SHOWN = 10;
const MAX_NAME_LENGTH = 64;

type Keywords = Readonly<Record<string, unknown>>;

/** Puts positional arguments and those by name into the order of a function's parameters. */
export type BindArguments = (args: readonly unknown[], kwargs: Keywords) => readonly unknown[];

/**
 * Returns how arguments come to the function of a task.
 *
 * What is bound throws TASK_INVALID_ARGUMENTS for an argument that the function has no name for, or that
 * came twice.
 *
 * @throws {TidingsError} OPTION_INVALID when the names make no sense.
 */
export function toBindArguments(task: string, { parameters }: KeywordOptions): BindArguments {
  if (parameters === undefined) return (args, kwargs) => withoutKeywords(task, args, kwargs);
  if (parameters === "object") return withLastObject;
  assertParameters(parameters);
  return (args, kwargs) => {
    const bound = [...args];
    for (const [name, value] of Object.entries(kwargs)) {
      const index = parameters.indexOf(name);
      if (index === -1) throw unexpected(task, name, `it has ${parameters.join(", ") || "none"}`);
      if (index < args.length) throw unexpected(task, name, "it came by its position, too");
      bound[index] = value;
    }
    // Not `map`, which leaves holes as they are.
    return Array.from(bound);
  };
}

function withLastObject(args: readonly unknown[], kwargs: Keywords): readonly unknown[] {
  return Object.keys(kwargs).length === 0 ? args : [...args, kwargs];
}

/** Where a function has no names for its parameters, any order would be a guess. */
function withoutKeywords(
  task: string,
  args: readonly unknown[],
  kwargs: Keywords,
): readonly unknown[] {
  const names = Object.keys(kwargs);
  if (names.length === 0) return args;
  const shown = names.slice(0, MAX_NAMES_SHOWN).map((name) => name.slice(0, MAX_NAME_LENGTH));
  throw new TidingsError(
    "TASK_INVALID_ARGUMENTS",
    `task ${task} takes arguments by position only, but ${shown.join(", ")} came by name: define it with \`parameters\`, their names in order, or with \`input\``,
  );
}

function assertParameters(parameters: readonly string[]): void {
  const isList = Array.isArray(parameters) && parameters.every((name) => typeof name === "string");
  if (isList && new Set(parameters).size === parameters.length) return;
  throw invalidOption("parameters", 'a list of different names, or "object"', parameters);
}

function unexpected(task: string, name: string, why: string): TidingsError {
  return new TidingsError(
    "TASK_INVALID_ARGUMENTS",
    `task ${task} takes no argument ${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))} by name: ${why}`,
  );
}
