import { TidingsError } from "../../core/errors.ts";
import {
  assertKnownOptions,
  assertPositiveInteger,
  invalidOption,
  optionNames,
} from "../../core/options.ts";
import { JsonRefusal } from "../message/json-text.ts";
import { writeTypedJson } from "../message/typed-json.ts";
import { assertKey, toStoredKey, type CallArguments, type LimitKey } from "./limit-key.ts";

/** Which calls of a task are sent at all. */
export interface UniqueOptions {
  /** Whether a call is sent only when no other of the same arguments waits or runs. @default false */
  readonly unique?: boolean | UniqueDetails | undefined;
  /** How long no other call may come before one is run: of several the last. */
  readonly debounceMs?: number | undefined;
  /** How long no other call is sent after one. */
  readonly throttleMs?: number | undefined;
  /** Which calls are the same one for `debounceMs` and `throttleMs`. @default those of the same arguments */
  readonly callKey?: LimitKey | undefined;
}

/** How a task is unique. */
export interface UniqueDetails {
  /** Which calls are the same one. @default those of the same arguments */
  readonly key?: LimitKey | undefined;
  /** When the key is free again at the latest, whatever has become of the task. @default 86_400_000 */
  readonly ttlMs?: number | undefined;
  /** How long it stands for others: until it starts, while it runs, or both. @default "both" */
  readonly while?: "queued" | "running" | "both" | undefined;
}

/** What becomes of a call when there is another of the same key. */
export type UniqueMode = "queued" | "running" | "both" | "debounce" | "throttle";

/** A call that may stand for others, or for which others may stand. */
export interface UniqueCall {
  readonly mode: UniqueMode;
  readonly key: string;
  readonly ttlMs: number;
}

/** How the calls of a task are unique. */
export interface UniqueRule {
  readonly mode: UniqueMode;
  toUnique(call: CallArguments): UniqueCall;
}

const NAMES = optionNames<UniqueDetails>({ key: true, ttlMs: true, while: true });

const DAY_MS = 86_400_000;

/** The messages of calls that have a key say so, for who runs them. */
export const UNIQUE_HEADER = "tidings_unique";

/**
 * Returns how the calls of a task are unique, if they are.
 *
 * @throws {TidingsError} OPTION_INVALID when the options make no sense.
 */
export function toUniqueRule(task: string, options: UniqueOptions): UniqueRule | undefined {
  const { unique, debounceMs, throttleMs, callKey } = options;
  if (callKey !== undefined) assertKey("callKey", callKey);
  assertOne(options);
  const toRule = (mode: UniqueMode, ttlMs: number, key: LimitKey = allArguments): UniqueRule => ({
    mode,
    toUnique: ({ args, kwargs }) => {
      const stored = toStoredKey(
        { task, purpose: "unique" },
        toText(task, () => key(args, kwargs)),
      );
      return { mode, ttlMs, key: stored };
    },
  });
  if (debounceMs !== undefined) {
    return toRule("debounce", assertPositiveInteger("debounceMs", debounceMs), callKey);
  }
  if (throttleMs !== undefined) {
    return toRule("throttle", assertPositiveInteger("throttleMs", throttleMs), callKey);
  }
  if (unique === undefined || unique === false) return undefined;
  const details = unique === true ? {} : unique;
  assertKnownOptions("`unique`", details, NAMES);
  const { key, ttlMs = DAY_MS, while: mode = "both" } = details;
  if (key !== undefined) assertKey("unique.key", key);
  if (!["queued", "running", "both"].includes(mode)) {
    throw invalidOption("unique.while", '"queued", "running" or "both"', mode);
  }
  return toRule(mode, assertPositiveInteger("unique.ttlMs", ttlMs), key);
}

const ALTERNATIVES = ["unique", "debounceMs", "throttleMs"] as const;

function assertOne(options: UniqueOptions): void {
  const [first, second] = ALTERNATIVES.filter((name) => (options[name] ?? false) !== false);
  if (second === undefined) return;
  throw invalidOption(second, `absent when \`${first}\` is given`, options[second]);
}

function allArguments(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): string {
  return writeTypedJson([args, kwargs], "the arguments");
}

function toText(task: string, write: () => string): string {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof JsonRefusal)) throw error;
    const reason = `task ${task} cannot be sent: ${error.message}`;
    throw new TidingsError("TASK_INVALID_ARGUMENTS", reason, { cause: error });
  }
}
