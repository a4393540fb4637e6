import { invalidOption } from "../core/options.ts";

/** The class of an error. */
export type ErrorClass = abstract new (...args: never) => Error;

/** Errors of a class, or those that a function says `true` to. */
export type ErrorMatch = ErrorClass | ((error: Error) => boolean);

/** The names of the classes that errors had in another thread or process. */
const lostClasses = new WeakMap<Error, readonly string[]>();

/** The names of an error's classes, its own first. */
export function classNames(error: Error): readonly string[] {
  const names: string[] = [];
  let prototype: unknown = Object.getPrototypeOf(error);
  while (prototype instanceof Error || prototype === Error.prototype) {
    names.push(prototype.constructor.name);
    prototype = Object.getPrototypeOf(prototype);
  }
  return names;
}

/** Says which classes an error had in the thread or process that it comes from. */
export function rememberClasses(error: Error, names: readonly string[]): void {
  lostClasses.set(error, names);
}

/**
 * Whether an error is one of those that are meant.
 *
 * What comes from a thread or process has lost its classes: there their names decide.
 */
export function matchesError(error: Error, matches: readonly ErrorMatch[]): boolean {
  return matches.some((match) => (isErrorClass(match) ? isOfClass(error, match) : match(error)));
}

/** Throws OPTION_INVALID unless it is a list of classes and functions. */
export function assertErrorMatches(name: string, matches: readonly ErrorMatch[] | undefined): void {
  if (matches === undefined) return;
  if (Array.isArray(matches) && matches.every((match) => typeof match === "function")) return;
  throw invalidOption(name, "a list of classes of errors and of functions", matches);
}

function isOfClass(error: Error, match: ErrorClass): boolean {
  return error instanceof match || lostClasses.get(error)?.includes(match.name) === true;
}

function isErrorClass(match: ErrorMatch): match is ErrorClass {
  const { prototype } = match;
  return prototype === Error.prototype || prototype instanceof Error;
}
