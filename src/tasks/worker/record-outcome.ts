import { isTidingsError, TidingsError, toError } from "../../core/errors.ts";
import type { PutBackOptions, Settlement } from "../brokers/broker.ts";
import { deathOf } from "../dead-letters/death-of.ts";
import { encodeRetry } from "../message/encode.ts";
import { JsonRefusal } from "../message/json-text.ts";
import type { EncodedMessage } from "../message/message.ts";
import { writeTypedJson } from "../message/typed-json.ts";
import type { Reject } from "../reject.ts";
import type { TaskError, TaskRecord } from "../results/task-record.ts";
import { Retry, retryDelay } from "../retry.ts";
import type { Execution, Outcome } from "./execution.ts";

/** What an error changes in the next try that does not ask for it. */
const NOTHING_ELSE: Pick<Retry, "args" | "kwargs" | "queue"> = {
  args: undefined,
  kwargs: undefined,
  queue: undefined,
};

/** An error's message is kept up to this length: it is for people. */
const MAX_ERROR_LENGTH = 8_192;

/** A settlement before it is known whether anybody wants its record. */
type RecordedOutcome = Settlement & { readonly record: TaskRecord };

/** Returns what is recorded of an outcome, and what becomes of the message. */
export function recordOutcome(
  execution: Execution,
  outcome: Exclude<Outcome, { readonly kind: "lost" | "worker-lost" | "waiting" }>,
): RecordedOutcome {
  switch (outcome.kind) {
    case "success":
      return recordSuccess(execution, outcome.result);
    case "failure":
      return recordFailure(execution, outcome.error);
    case "revoked":
      return end(execution, { state: "REVOKED", error: toTaskError(outcome.error) });
    case "ignored":
      return { record: execution.record, retry: null };
    case "rejected":
      return recordRejection(execution, outcome.error);
    case "handed-back":
      return { record: execution.record, retry: {} };
    case "stored-before":
      return withDeath(execution, { record: outcome.record, retry: null });
  }
}

function recordRejection(execution: Execution, error: Reject): RecordedOutcome {
  const retry = toRequeue(execution, error);
  const death = deathOf(execution, toTaskError(error));
  return { record: execution.record, retry, death };
}

/** As a message of its own it goes to the end of the queue. */
function toRequeue(
  { delivery }: Execution,
  { requeue, countdownMs }: Reject,
): PutBackOptions | null {
  if (!requeue) return null;
  const dueAt = countdownMs === 0 ? {} : { dueAt: Math.ceil(Date.now() + countdownMs) };
  return { message: delivery.message, ...dueAt };
}

function toFailure({ context, record }: Execution, error: Error): Partial<TaskRecord> {
  const traceback = context.runtime.tracebacks ? (error.stack ?? null) : null;
  return {
    state: "FAILURE",
    error: isGivenUp(error) ? givenUp(record) : toTaskError(error),
    traceback: traceback?.slice(0, MAX_ERROR_LENGTH) ?? null,
  };
}

/** Whether a task asked for one more try than there are, and did not say why. */
function isGivenUp(error: Error): boolean {
  return error instanceof Retry && !Error.isError(error.cause);
}

/** "raises `exc` (or MaxRetriesExceededError) when exhausted" */
function givenUp({ id, name, retries }: TaskRecord): TaskError {
  const message = `can't retry ${name ?? "a task"} (${id}) after ${retries} retries`;
  return { type: "MaxRetriesExceededError", message };
}

function recordSuccess(execution: Execution, result: unknown): RecordedOutcome {
  const { runtime } = execution.context;
  try {
    // A function that returns nothing returns null, as in Python.
    const value = result ?? null;
    assertResultSize(writeTypedJson(value, "the result"), runtime.maxMessageBytes);
    return end(execution, { state: "SUCCESS", result: value, error: null });
  } catch (error) {
    // Running again would not make the result one that can be stored.
    return withDeath(execution, end(execution, { state: "FAILURE", error: toTaskError(error) }));
  }
}

function recordFailure(execution: Execution, error: Error): RecordedOutcome {
  const { message, definition, delivery, record } = execution;
  const retries = message?.retries ?? 0;
  const delay = definition ? retryDelay(error, retries, definition.options) : null;
  if (delay === null) return withDeath(execution, end(execution, toFailure(execution, error)));
  const dueAt = Math.ceil(Date.now() + delay);
  const { args, kwargs, queue } = error instanceof Retry ? error : NOTHING_ELSE;
  const next = { retries: retries + 1, eta: dueAt, args, kwargs };
  const { format, maxMessageBytes: maxBytes } = execution.context.runtime;
  let retry: EncodedMessage;
  try {
    retry = encodeRetry(delivery.message, next, { ...format, maxBytes });
  } catch (refusal) {
    return withDeath(execution, end(execution, toFailure(execution, toError(refusal))));
  }
  return {
    record: {
      ...record,
      queue: queue ?? record.queue,
      state: "RETRY",
      custom: null,
      error: toTaskError(error),
      retries: retries + 1,
      retryAt: dueAt,
    },
    retry: { message: retry, queue, dueAt },
  };
}

function withDeath(execution: Execution, ending: RecordedOutcome): RecordedOutcome {
  const { state, error } = ending.record;
  if (state !== "FAILURE" || !error) return ending;
  return { ...ending, death: deathOf(execution, error) };
}

function end({ record }: Execution, outcome: Partial<TaskRecord>): RecordedOutcome {
  return { record: { ...record, custom: null, ...outcome, finishedAt: Date.now() }, retry: null };
}

function typeOf(error: Error): string {
  if (error instanceof JsonRefusal) return "TASK_INVALID_RESULT";
  return isTidingsError(error) ? error.code : error.name;
}

/** Throws TASK_TOO_LARGE when a result, as JSON, is larger than it may be. */
export function assertResultSize(text: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return;
  throw new TidingsError(
    "TASK_TOO_LARGE",
    `expected a result of at most ${maxBytes} bytes of JSON, got ${bytes}; store it elsewhere and return where`,
  );
}

/** Our own errors are known by their code, others by their name. */
export function toTaskError(thrown: unknown): TaskError {
  if (!Error.isError(thrown)) return { type: "Error", message: toError(thrown).message };
  const error = toError(thrown);
  // "RETRY result with the original exception": why, rather than that it asked.
  if (error instanceof Retry && Error.isError(error.cause)) return toTaskError(error.cause);
  return { type: typeOf(error), message: error.message.slice(0, MAX_ERROR_LENGTH) };
}
