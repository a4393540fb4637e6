import { TidingsError, toError } from "../core/errors.ts";

/** RabbitMQ cannot be reached, or the connection broke before it answered. */
export class AmqpUnavailable extends TidingsError {
  constructor(message: string, cause?: unknown) {
    super("AMQP_UNAVAILABLE", message, cause === undefined ? undefined : { cause });
  }
}

/** RabbitMQ said no: `code` is that of AMQP, as 404 for what is not there, 406 for what is otherwise. */
export class AmqpRefusal extends Error {
  static {
    this.prototype.name = "AmqpRefusal";
  }

  readonly replyCode: number;

  constructor(replyCode: number, message: string, cause: unknown) {
    super(message, { cause });
    this.replyCode = replyCode;
  }
}

/** AMQP's names of the answers that are told apart here. */
const REPLY_CODES = {
  CONTENT_TOO_LARGE: 311,
  NO_ROUTE: 312,
  NOT_FOUND: 404,
  RESOURCE_LOCKED: 405,
  PRECONDITION_FAILED: 406,
} as const;

/** Why RabbitMQ said no. PRECONDITION_FAILED: what is declared is there, and is otherwise. */
export type AmqpRefusalReason = keyof typeof REPLY_CODES;

/** Whether RabbitMQ said no for this reason. */
export function isAmqpRefusal(error: unknown, reason: AmqpRefusalReason): error is AmqpRefusal {
  return error instanceof AmqpRefusal && error.replyCode === REPLY_CODES[reason];
}

/** The refusal of a message that no queue gets. */
export function noRoute(where: string): AmqpRefusal {
  return new AmqpRefusal(REPLY_CODES.NO_ROUTE, where, undefined);
}

/** Tells a refusal, which the same question meets again, from a connection that broke. */
export function toAmqpError(thrown: unknown): AmqpRefusal | AmqpUnavailable {
  if (thrown instanceof AmqpRefusal || thrown instanceof AmqpUnavailable) return thrown;
  const error = toError(thrown);
  // Of field tables: what is to be sent has no room in one.
  if (error instanceof RangeError) {
    return new AmqpRefusal(REPLY_CODES.CONTENT_TOO_LARGE, error.message, error);
  }
  const code = "code" in error && typeof error.code === "number" ? error.code : 0;
  // 320 is "connection forced": RabbitMQ stops.
  if (code >= 300 && code < 600 && code !== 320) return new AmqpRefusal(code, error.message, error);
  return new AmqpUnavailable(`the connection to RabbitMQ broke: ${error.message}`, error);
}
