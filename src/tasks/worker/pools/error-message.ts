import { ERROR_CODES, TidingsError, toError, type ErrorCode } from "../../../core/errors.ts";
import { isRecord } from "../../../core/is-record.ts";
import { classNames, rememberClasses } from "../../error-match.ts";
import { Ignore } from "../../ignore.ts";
import { JsonRefusal } from "../../message/json-text.ts";
import { readTypedJson, writeTypedJson } from "../../message/typed-json.ts";
import { Reject } from "../../reject.ts";
import { Retry, type RetryRequest } from "../../retry.ts";

/** An error on its way between a pool and its threads or processes. */
export interface ErrorMessage {
  readonly class: "Error" | "TidingsError" | "Retry" | "JsonRefusal" | "Ignore" | "Reject";
  /** The names of its classes. */
  readonly classes: readonly string[];
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Of a TidingsError. */
  readonly code: string | undefined;
  /** Of a Retry or Reject. */
  readonly countdownMs: number | undefined;
  /** Of a Reject. */
  readonly requeue: boolean | undefined;
  /** What a Retry changes in the next try, as JSON. */
  readonly changes: string | undefined;
  /** Why a Retry was thrown; other causes stay where they are. */
  readonly cause: ErrorMessage | undefined;
}

/** Describes whatever was thrown by values that can be sent. */
export function toErrorMessage(thrown: unknown): ErrorMessage {
  const error = toError(thrown);
  const isRetry = error instanceof Retry;
  let changes: string | undefined;
  try {
    changes = isRetry ? writeTypedJson(toChanges(error), "what is tried again") : undefined;
  } catch (refusal) {
    return toErrorMessage(refusal);
  }
  return {
    changes,
    class: classOf(error),
    classes: classNames(error),
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: error instanceof TidingsError ? error.code : undefined,
    countdownMs: isRetry || error instanceof Reject ? error.countdownMs : undefined,
    requeue: error instanceof Reject ? error.requeue : undefined,
    cause: isRetry && error.cause !== undefined ? toErrorMessage(error.cause) : undefined,
  };
}

/** Makes the error again that {@link toErrorMessage} described. */
export function fromErrorMessage(description: ErrorMessage): Error {
  const error = construct(description);
  const { stack, classes } = description;
  rememberClasses(error, classes);
  if (stack !== undefined) Object.defineProperty(error, "stack", { value: stack });
  return error;
}

function classOf(error: Error): ErrorMessage["class"] {
  if (error instanceof TidingsError) return "TidingsError";
  if (error instanceof Retry) return "Retry";
  if (error instanceof Ignore) return "Ignore";
  if (error instanceof Reject) return "Reject";
  return error instanceof JsonRefusal ? "JsonRefusal" : "Error";
}

function construct({ class: kind, name, message, ...rest }: ErrorMessage): Error {
  switch (kind) {
    case "TidingsError":
      return new TidingsError(toCode(rest.code), message);
    case "Retry":
      return new Retry({
        ...fromChanges(rest.changes),
        countdownMs: rest.countdownMs,
        cause: rest.cause && fromErrorMessage(rest.cause),
      });
    case "JsonRefusal":
      return new JsonRefusal(message);
    case "Ignore":
      return new Ignore(message);
    case "Reject":
      return new Reject({ reason: message, requeue: rest.requeue, countdownMs: rest.countdownMs });
    case "Error":
      return Object.defineProperty(new Error(message), "name", { value: name });
  }
}

/** `null` for what it does not change: JSON knows nothing less. */
function toChanges({ args, kwargs, queue }: Retry): Readonly<Record<string, unknown>> {
  return { args: args ?? null, kwargs: kwargs ?? null, queue: queue ?? null };
}

function fromChanges(text: string | undefined): RetryRequest {
  const changes = text === undefined ? null : readTypedJson(text);
  if (!isRecord(changes)) return {};
  const { args, kwargs, queue } = changes;
  return {
    args: Array.isArray(args) ? args : undefined,
    kwargs: isRecord(kwargs) ? kwargs : undefined,
    queue: typeof queue === "string" ? queue : undefined,
  };
}

/** Both ends run the same release: a code that is not known is a mistake of ours. */
function toCode(code: string | undefined): ErrorCode {
  return ERROR_CODES.find((known) => known === code) ?? "TASK_FAILED";
}
