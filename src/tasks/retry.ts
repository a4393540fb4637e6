import { assertBackoff, backoffMs, type BackoffOptions } from "../core/backoff.ts";
import { isTidingsError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import { assertDuration, assertKnownOptions, invalidOption, optionNames } from "../core/options.ts";
import { assertText } from "./call-options.ts";
import { assertErrorMatches, matchesError, type ErrorMatch } from "./error-match.ts";
import { JsonRefusal } from "./message/json-text.ts";
import { BACKOFF_OPTIONS } from "./option-names.ts";

/** How a task is tried again after an error. */
export interface RetryOptions {
  /**
   * How often it is tried again.
   *
   * Without it, errors are not retried, and a thrown {@link Retry} at most 3 times (Celery's default).
   * `Infinity` for as often as it takes.
   * @default 0
   */
  readonly maxRetries?: number | undefined;
  /** Only these errors are tried again; 3 times, unless `maxRetries` says otherwise. @default all errors */
  readonly autoRetryFor?: readonly ErrorMatch[] | undefined;
  /** These errors are not tried again. @default none */
  readonly dontAutoRetryFor?: readonly ErrorMatch[] | undefined;
  /** The wait before each retry. @default 1000 */
  readonly retryDelayMs?: number | undefined;
  /** Waits that double, with full jitter, instead of `retryDelayMs`. @default false */
  readonly retryBackoff?: boolean | BackoffOptions | undefined;
}

/** How to throw a {@link Retry}. */
export interface RetryRequest {
  /** The wait before the retry. @default what the task's options say */
  readonly countdownMs?: number | undefined;
  /** What the next try is called with, instead of what this one was. */
  readonly args?: readonly unknown[] | undefined;
  /** The same, by name. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  /** Where the next try waits. @default where this one did */
  readonly queue?: string | undefined;
  /** Why, for the record. */
  readonly cause?: unknown;
}

const REQUEST_NAMES = optionNames<RetryRequest>({
  countdownMs: true,
  args: true,
  kwargs: true,
  queue: true,
  cause: true,
});

/**
 * Thrown by a task that wants to be tried again.
 *
 * What comes after the task stays as it is. Arguments that cannot be sent fail the task.
 *
 * @example
 * if (response.status === 503) throw new Retry({ countdownMs: 5_000 });
 * if (response.status === 413) throw new Retry({ args: [page, size / 2], queue: "slow" });
 */
export class Retry extends Error {
  static {
    this.prototype.name = "Retry";
  }

  readonly countdownMs: number | undefined;
  readonly args: readonly unknown[] | undefined;
  readonly kwargs: Readonly<Record<string, unknown>> | undefined;
  readonly queue: string | undefined;

  constructor(request: RetryRequest = {}) {
    const { countdownMs, args, kwargs, queue, cause } = request;
    super(Error.isError(cause) ? cause.message : "asked to be tried again", { cause });
    assertKnownOptions("a retry", request, REQUEST_NAMES);
    if (countdownMs !== undefined) assertDuration("countdownMs", countdownMs);
    if (queue !== undefined) assertText("queue", queue);
    if (args !== undefined && !Array.isArray(args)) throw invalidOption("args", "a list", args);
    if (kwargs !== undefined && !isRecord(kwargs))
      throw invalidOption("kwargs", "an object", kwargs);
    this.countdownMs = countdownMs;
    this.args = args;
    this.kwargs = kwargs;
    this.queue = queue;
  }
}

/** Errors of calls that can never succeed, and of those that took too long. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  "TASK_INVALID_ARGUMENTS",
  "TASK_TOO_LARGE",
  "TASK_TIME_LIMIT",
]);
const DEFAULT_DELAY_MS = 1_000;
/** "max_retries=3": how often Celery lets a task ask for a retry that said nothing else. */
const DEFAULT_ASKED_RETRIES = 3;

/**
 * Returns the wait before the next try in milliseconds, or `null` when there is none.
 *
 * Calls that can never succeed (arguments or a result that do not fit) are not tried again, nor are
 * those that took too long.
 */
export function retryDelay(error: Error, retries: number, options: RetryOptions): number | null {
  const asked = error instanceof Retry;
  const isOnDemand = asked || options.autoRetryFor !== undefined;
  if (retries >= (options.maxRetries ?? (isOnDemand ? DEFAULT_ASKED_RETRIES : 0))) return null;
  if (error instanceof JsonRefusal) return null;
  if (isTidingsError(error) && FINAL_CODES.has(error.code)) {
    return null;
  }
  if (!asked && !isMeant(error, options)) return null;
  if (asked && error.countdownMs !== undefined) return error.countdownMs;
  const { retryBackoff = false, retryDelayMs = DEFAULT_DELAY_MS } = options;
  if (retryBackoff === false) return retryDelayMs;
  return backoffMs(retries, retryBackoff === true ? {} : retryBackoff);
}

function isMeant(error: Error, { autoRetryFor, dontAutoRetryFor = [] }: RetryOptions): boolean {
  if (matchesError(error, dontAutoRetryFor)) return false;
  return autoRetryFor === undefined || matchesError(error, autoRetryFor);
}

/** Throws OPTION_INVALID when options of retries make no sense. */
export function assertRetryOptions(options: RetryOptions): void {
  const { maxRetries, retryDelayMs, retryBackoff } = options;
  if (maxRetries !== undefined && !isCount(maxRetries)) {
    throw invalidOption("maxRetries", "an integer of 0 or more, or Infinity", maxRetries);
  }
  assertErrorMatches("autoRetryFor", options.autoRetryFor);
  assertErrorMatches("dontAutoRetryFor", options.dontAutoRetryFor);
  if (retryDelayMs !== undefined) assertDuration("retryDelayMs", retryDelayMs);
  if (retryBackoff === undefined || typeof retryBackoff === "boolean") return;
  assertKnownOptions("`retryBackoff`", retryBackoff, BACKOFF_OPTIONS);
  assertBackoff(retryBackoff);
}

function isCount(value: number): boolean {
  return value === Infinity || (Number.isSafeInteger(value) && value >= 0);
}
