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
  return `\`${toShown(value)}\` (${typeof value})`;
}

function toShown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  const isThing: boolean = typeof value === "object" && value !== null;
  // What it says of itself may be long, or throw.
  return isThing ? Object.prototype.toString.call(value) : String(value);
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
 * `what` says whose options they are. One that is `undefined` is not given. What is no object is refused
 * without being shown: it may be a secret that was to be an option.
 */
export function assertKnownOptions(
  what: string,
  options: unknown,
  known: ReadonlySet<string>,
): void {
  if (!isRecord(options)) {
    throw new TidingsError(
      "OPTION_INVALID",
      `${what} takes an object of options, got ${kindOf(options)}`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    if (known.has(name) || value === undefined) continue;
    const hint = didYouMean(name, known) || `; there are ${[...known].join(", ")}`;
    const shown = JSON.stringify(name.slice(0, 64));
    throw new TidingsError("OPTION_INVALID", `${what} has no option ${shown}${hint}`);
  }
}

/** Throws `OPTION_INVALID` for what is no function. */
export function assertFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw wrongKind(name, "a function", value);
}

/** Throws `OPTION_INVALID` for what is no object with these methods. */
export function assertMethods(name: string, value: unknown, methods: readonly string[]): void {
  const isObject = typeof value === "object" && value !== null;
  if (isObject && methods.every((method) => typeof Reflect.get(value, method) === "function")) {
    return;
  }
  const list = methods.map((method) => `\`${method}\``).join(", ");
  throw wrongKind(name, `an object with ${list}`, value);
}

/** Throws `OPTION_INVALID` for what is no list of texts: one text is none, though it has letters. */
export function assertTexts(name: string, value: unknown): void {
  if (Array.isArray(value) && value.every((text) => typeof text === "string")) return;
  throw wrongKind(name, "a list of texts", value);
}

/** The error of an option of another kind. It does not show the value, which may be a secret. */
export function wrongKind(name: string, expected: string, value: unknown): TidingsError {
  const message = `expected \`${name}\` to be ${expected}, got ${kindOf(value)}`;
  return new TidingsError("OPTION_INVALID", message);
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
