import { invalidOption } from "../core/options.ts";

/** The class of an error. */
export type ErrorClass = abstract new (...args: never) => Error;

/** Errors of a class, or those that a function says `true` to. */
export type ErrorMatch = ErrorClass | ((error: Error) => boolean);

/**
 * Whether an error is one of those that are meant.
 *
 * In pools of threads and processes an error has lost its class: there its name decides.
 */
export function matchesError(error: Error, matches: readonly ErrorMatch[]): boolean {
  return matches.some((match) =>
    isErrorClass(match) ? error.name === match.name || error instanceof match : match(error),
  );
}

/** Throws OPTION_INVALID unless it is a list of classes and functions. */
export function assertErrorMatches(name: string, matches: readonly ErrorMatch[] | undefined): void {
  if (matches === undefined) return;
  if (Array.isArray(matches) && matches.every((match) => typeof match === "function")) return;
  throw invalidOption(name, "a list of classes of errors and of functions", matches);
}

function isErrorClass(match: ErrorMatch): match is ErrorClass {
  const { prototype } = match;
  return prototype === Error.prototype || prototype instanceof Error;
}
