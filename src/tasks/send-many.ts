import { TidingsError, toError } from "../core/errors.ts";
import { invalidOption } from "../core/options.ts";
import type { AsyncResult } from "./async-result.ts";
import { prepareCall, type PreparedCall, type TaskCall } from "./prepare-call.ts";
import { sendPrepared } from "./send.ts";
import type { TaskRuntime } from "./task-runtime.ts";

/** So many go to the broker at once: one round trip, or one commit. */
const CHUNK = 500;
/** All are encoded before the first one is sent. */
const MAX_CALLS = 100_000;

/** What came of one call of many. */
export type SendOutcome<T = unknown> = PromiseSettledResult<AsyncResult<T>>;

/** Thrown when some of many calls were sent, and others were not. */
export class SentPartlyError extends TidingsError {
  /** What came of each call, in their order. */
  readonly outcomes: readonly SendOutcome[];

  constructor(outcomes: readonly SendOutcome[]) {
    const failures = outcomes.filter(({ status }) => status === "rejected");
    const [first] = failures;
    const cause = first?.status === "rejected" ? toError(first.reason) : undefined;
    const message = `${failures.length} of ${outcomes.length} calls were not sent; see \`outcomes\`. The first one: ${cause?.message}`;
    super("TASK_SENT_PARTLY", message, { cause });
    this.outcomes = outcomes;
  }
}

/**
 * Encodes many calls, then sends them, 500 at a time.
 *
 * A call that makes no sense is thrown before any is sent. After a chunk of which nothing could be sent,
 * the others are not tried.
 *
 * @throws {SentPartlyError} TASK_SENT_PARTLY when some were sent, and others were not.
 */
export async function sendMany<T>(
  runtime: TaskRuntime,
  calls: readonly TaskCall[],
  toResult: (sent: PreparedCall) => AsyncResult<T>,
): Promise<readonly AsyncResult<T>[]> {
  if (calls.length > MAX_CALLS) {
    throw invalidOption("calls", `at most ${MAX_CALLS} at a time`, calls.length);
  }
  const prepared = calls.map((call) => prepareCall(runtime, call));
  const outcomes: SendOutcome<T>[] = [];
  for (let index = 0; index < prepared.length; index += CHUNK) {
    const chunk = prepared.slice(index, index + CHUNK);
    const settled = await Promise.allSettled(
      chunk.map(async (call) => toResult(await sendPrepared(runtime, call))),
    );
    outcomes.push(...settled);
    const reason = whyNothing(settled);
    if (reason === undefined) continue;
    const rest = prepared.length - outcomes.length;
    for (let left = 0; left < rest; left++) outcomes.push({ status: "rejected", reason });
    break;
  }
  return toResults(outcomes);
}

/** Why nothing of a chunk was sent; `undefined` if something was. */
function whyNothing(settled: readonly SendOutcome[]): unknown {
  const [first] = settled;
  const isNothing = settled.every(({ status }) => status === "rejected");
  return isNothing && first?.status === "rejected" ? first.reason : undefined;
}

function toResults<T>(outcomes: readonly SendOutcome<T>[]): readonly AsyncResult<T>[] {
  const reason = whyNothing(outcomes);
  if (reason !== undefined) throw toError(reason);
  const results = outcomes.filter((outcome) => outcome.status === "fulfilled");
  if (results.length < outcomes.length) throw new SentPartlyError(outcomes);
  return results.map(({ value }) => value);
}
