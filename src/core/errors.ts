/**
 * Every code a {@link TidingsError} can carry, `<AREA>_<WHAT>`. A code is never reused.
 *
 * `docs/reference/errors.md` explains each one; a test compares the two lists.
 */
export const ERROR_CODES = [
  "APP_INVALID_URL",
  "AMQP_UNAVAILABLE",
  "APP_INVALID_DEFINITION",
  "APP_LOAD_FAILED",
  "AUTH_KEYS_UNAVAILABLE",
  "BROKER_NOT_SHARED",
  "CHANNEL_CLOSED",
  "CLIENT_CLOSED",
  "CLIENT_OVERLOADED",
  "CLIENT_PROTOCOL",
  "CLIENT_TIMEOUT",
  "CONNECTION_GONE",
  "FEED_FAILED",
  "FEED_OVERLOADED",
  "FEED_TOO_MANY",
  "HISTORY_CLOSED",
  "LAYER_CHANNEL_FULL",
  "LAYER_CLOSED",
  "LAYER_INVALID_MESSAGE",
  "LAYER_INVALID_NAME",
  "LAYER_NOT_SHARED",
  "LAYER_UNAVAILABLE",
  "MESSAGE_INVALID",
  "MESSAGE_NOT_ACCEPTED",
  "MESSAGE_NOT_JSON",
  "MESSAGE_TOO_LARGE",
  "OPTION_INVALID",
  "PRESENCE_CLOSED",
  "RECEIVER_FAILED",
  "REDIS_FAILED",
  "REDIS_UNAVAILABLE",
  "REQUEST_BODY_READ",
  "REQUEST_FAILED",
  "REQUEST_FORBIDDEN",
  "REQUEST_FORBIDDEN_ORIGIN",
  "REQUEST_NOT_ACCEPTABLE",
  "REQUEST_METHOD_NOT_ALLOWED",
  "REQUEST_NOT_FOUND",
  "REQUEST_REFUSED",
  "REQUEST_MALFORMED",
  "REQUEST_TIMED_OUT",
  "REQUEST_TOO_LARGE",
  "REQUEST_TOO_MANY_CONNECTIONS",
  "REQUEST_TOO_MANY_MESSAGES",
  "REQUEST_UNAUTHENTICATED",
  "REQUEST_UPGRADE_REQUIRED",
  "ROUTE_INVALID",
  "SERVER_FULL",
  "SERVER_PORT_IN_USE",
  "SESSION_TOO_LARGE",
  "STORAGE_UNAVAILABLE",
  "TASK_CANCELLED",
  "TASK_CHORD_UNSUPPORTED",
  "TASK_FAILED",
  "TASK_INVALID_ARGUMENTS",
  "TASK_INVALID_RESULT",
  "TASK_LEASE_LOST",
  "TASK_NOT_REGISTERED",
  "TASK_NOT_RUNNING",
  "TASK_RESULT_IGNORED",
  "TASK_RESULT_TIMEOUT",
  "TASK_SENT_PARTLY",
  "TASK_SOFT_TIME_LIMIT",
  "TASK_TIME_LIMIT",
  "TASK_TOO_LARGE",
  "TASK_UNROUTABLE",
  "TASK_WORKER_LOST",
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * The error that every part of Tidings throws.
 *
 * Match on `code`, never on the text. Messages name what was expected and what came, but never a
 * secret nor a payload.
 */
export class TidingsError extends Error {
  static {
    this.prototype.name = "TidingsError";
  }

  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether `value` is a {@link TidingsError}, of `code` if one is given. */
export function isTidingsError(value: unknown, code?: ErrorCode): value is TidingsError {
  return value instanceof TidingsError && (code === undefined || value.code === code);
}

/** Turns whatever was thrown into an `Error` with a name and a message, so that logs and causes are always readable. */
export function toError(thrown: unknown): Error {
  try {
    // Not `Error.isError`, which not every browser has.
    if (!(thrown instanceof Error)) return new Error(`thrown: ${String(thrown)}`);
    // Both can be anything, and can throw when they are looked at.
    const parts: readonly unknown[] = [thrown.name, thrown.message];
    if (parts.every((part) => typeof part === "string")) return thrown;
    return new Error(`thrown: ${parts.map(String).join(": ")}`, { cause: thrown });
  } catch {
    return new Error("thrown: something that cannot be shown");
  }
}
