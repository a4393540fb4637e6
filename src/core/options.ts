import { TidingsError } from "./errors.ts";

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
