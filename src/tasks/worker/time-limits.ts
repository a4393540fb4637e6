import { TidingsError } from "../../core/errors.ts";
import { assertPositiveInteger, invalidOption } from "../../core/options.ts";
import type { TimeLimits } from "../message/message.ts";
import type { Interruption } from "./interruption.ts";

/** How long a task may run. */
export interface TimeLimitOptions {
  /** A run that takes longer is ended. @default none */
  readonly timeLimitMs?: number | undefined;
  /** A run that takes longer is told to end. At most `timeLimitMs`. @default none */
  readonly softTimeLimitMs?: number | undefined;
}

/** Throws OPTION_INVALID when limits make no sense. */
export function assertTimeLimits({ timeLimitMs, softTimeLimitMs }: TimeLimitOptions): void {
  if (timeLimitMs !== undefined) assertPositiveInteger("timeLimitMs", timeLimitMs);
  if (softTimeLimitMs === undefined) return;
  assertPositiveInteger("softTimeLimitMs", softTimeLimitMs);
  if (timeLimitMs !== undefined && softTimeLimitMs > timeLimitMs) {
    throw invalidOption("softTimeLimitMs", `at most \`timeLimitMs\``, softTimeLimitMs);
  }
}

/** Watches the time of a run that has limits, until the function that it returns is called. */
export function watchTimeLimits(
  interruption: Interruption,
  { hardMs, softMs }: TimeLimits,
): (() => void) | undefined {
  if (hardMs === null && softMs === null) return undefined;
  const timers = [
    softMs !== null && startTimer(softMs, () => interruption.warn(softReason(softMs))),
    hardMs !== null && startTimer(hardMs, () => interruption.interrupt("time-limit")),
  ];
  return () => {
    for (const timer of timers) if (timer) clearTimeout(timer);
  };
}

/** What is recorded of a run that was ended. */
export function timeLimitError(hardMs: number): TidingsError {
  return new TidingsError(
    "TASK_TIME_LIMIT",
    `the task took longer than its time limit of ${hardMs / 1_000} s`,
  );
}

/**
 * What a run has failed with: its soft time limit, when all that its error says is that it was aborted.
 *
 * Node's own functions wrap the reason of a signal; in a thread or process that is lost.
 */
export function withSoftLimit(error: Error, { warning }: Interruption): Error {
  if (!warning || error.name !== "AbortError") return error;
  const isOfAnother = Error.isError(error.cause) && error.cause !== warning;
  return isOfAnother
    ? error
    : new TidingsError("TASK_SOFT_TIME_LIMIT", warning.message, { cause: error });
}

function softReason(softMs: number): TidingsError {
  return new TidingsError(
    "TASK_SOFT_TIME_LIMIT",
    `the task took longer than its soft time limit of ${softMs / 1_000} s`,
  );
}

/** The longest wait of a timer: limits beyond it, 24 days, are none. */
const MAX_TIMER_MS = 2_147_483_647;

function startTimer(waitMs: number, fire: () => void): NodeJS.Timeout | false {
  return waitMs <= MAX_TIMER_MS && setTimeout(fire, waitMs);
}
