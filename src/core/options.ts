import { TidingsError } from "./errors.ts";
import { isRecord } from "./is-record.ts";
import { didYouMean } from "./nearest-name.ts";

/** Returns `value`, or throws `OPTION_INVALID` when it is not an integer of at least 1. */
export function assertPositiveInteger(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw invalidOption(name, "a positive integer", value);
}

/** Returns `value`, or throws `OPTION_INVALID` when it is not a finite number of at least 0. */
export function assertDuration(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw invalidOption(name, "a number of milliseconds, 0 or more", value);
}

/** The error of an option that is not what was expected. */
export function invalidOption(name: string, expected: string, value: unknown): TidingsError {
  return new TidingsError(
    "OPTION_INVALID",
    `expected \`${name}\` to be ${expected}, got ${showValue(value)}`,
  );
}

/** A value with its type, for an error that says what came. */
export function showValue(value: unknown): string {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return `\`${shown}\` (${typeof value})`;
}

/** Throws `OPTION_INVALID` when one of the options with these names is given, and is no function. */
export function assertFunctions(what: string, options: object, names: readonly string[]): void {
  for (const name of names) {
    const value: unknown = Reflect.get(options, name);
    if (value === undefined || typeof value === "function") continue;
    const expected = `expected \`${name}\` to be a function, got ${showValue(value)}`;
    throw new TidingsError("OPTION_INVALID", `${what}: ${expected}`);
  }
}

/** The names of all options of an interface: one that is missing, or too many, does not compile. */
export function optionNames<TOptions>(
  names: Readonly<Record<keyof TOptions, true>>,
): ReadonlySet<string> {
  return new Set(Object.keys(names));
}

/**
 * Throws `OPTION_INVALID` for an option that nobody knows, so that a slip of the pen is no silence.
 *
 * `what` says whose options they are. One that is `undefined` is not given.
 */
export function assertKnownOptions(
  what: string,
  options: object,
  known: ReadonlySet<string>,
): void {
  if (!isRecord(options)) {
    const got = options === null ? "null" : typeof options;
    throw new TidingsError("OPTION_INVALID", `${what} takes an object of options, got ${got}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (known.has(name) || value === undefined) continue;
    const hint = didYouMean(name, known) || `; there are ${[...known].join(", ")}`;
    const shown = JSON.stringify(name.slice(0, 64));
    throw new TidingsError("OPTION_INVALID", `${what} has no option ${shown}${hint}`);
  }
}
