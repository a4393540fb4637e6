import { TidingsError } from "./errors.ts";
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
  const got = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new TidingsError(
    "OPTION_INVALID",
    `expected \`${name}\` to be ${expected}, got \`${got}\` (${typeof value})`,
  );
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
  for (const [name, value] of Object.entries(options)) {
    if (known.has(name) || value === undefined) continue;
    const hint = didYouMean(name, known) || `; there are ${[...known].join(", ")}`;
    const shown = JSON.stringify(name.slice(0, 64));
    throw new TidingsError("OPTION_INVALID", `${what} has no option ${shown}${hint}`);
  }
}
