import { hash } from "node:crypto";

import { TidingsError } from "../../core/errors.ts";
import { invalidOption } from "../../core/options.ts";

/** The arguments of a call. */
export interface CallArguments {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** Which calls of a task belong together, by their arguments: those with the same text. */
export type LimitKey = (
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
) => string;

/** Of what a key is: a task and what limits it. */
export interface KeyOwner {
  readonly task: string;
  readonly purpose: string;
}

/**
 * Returns the key of a call as stores have it: of one length, and without what the arguments say.
 *
 * @throws {TidingsError} TASK_INVALID_ARGUMENTS when the task's own function returns no text.
 */
export function toStoredKey({ task, purpose }: KeyOwner, text: unknown): string {
  if (typeof text !== "string") {
    const got = `the key for \`${purpose}\` of task ${task} to be text, got ${typeof text}`;
    throw new TidingsError("TASK_INVALID_ARGUMENTS", `expected ${got}`);
  }
  return hash("sha256", `${task}\0${purpose}\0${text}`, "base64url");
}

/** Throws OPTION_INVALID unless it is a function. */
export function assertKey(name: string, key: unknown): void {
  if (typeof key !== "function") throw invalidOption(name, "a function", key);
}
