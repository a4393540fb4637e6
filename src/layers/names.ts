import { TidingsError } from "../core/errors.ts";

/** "Must be less than 100 characters" (channel layer specification). */
const MAX_NAME_LENGTH = 99;
// Python's `\d` and `\w` take any Unicode digit or letter here; we keep to ASCII, which both accept.
const CHANNEL_NAME = /^[a-zA-Z\d\-_.]+(?:![\w\-.]*)?$/;
const GROUP_NAME = /^[a-zA-Z\d\-_.]+$/;

/** Returns the name, or throws LAYER_INVALID_NAME when it is no channel name. */
export function assertChannelName(name: string): string {
  if (isName(name, CHANNEL_NAME)) return name;
  throw invalidName("channel", "letters, digits, `-`, `_`, `.` and at most one `!`", name);
}

/** Returns the name, or throws LAYER_INVALID_NAME when it is no group name. */
export function assertGroupName(name: string): string {
  if (isName(name, GROUP_NAME)) return name;
  throw invalidName("group", "letters, digits, `-`, `_` and `.`", name);
}

function isName(name: unknown, pattern: RegExp): boolean {
  return typeof name === "string" && name.length <= MAX_NAME_LENGTH && pattern.test(name);
}

function invalidName(kind: string, alphabet: string, name: unknown): TidingsError {
  const got = JSON.stringify(String(name).slice(0, MAX_NAME_LENGTH + 1));
  return new TidingsError(
    "LAYER_INVALID_NAME",
    `expected a ${kind} name of 1 to ${MAX_NAME_LENGTH} ${alphabet}, got ${got}`,
  );
}
