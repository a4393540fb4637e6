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

/** Tells a refusal, which the same question meets again, from a connection that broke. */
export function toAmqpError(thrown: unknown): AmqpRefusal | AmqpUnavailable {
  if (thrown instanceof AmqpRefusal || thrown instanceof AmqpUnavailable) return thrown;
  const error = toError(thrown);
  const code = "code" in error && typeof error.code === "number" ? error.code : 0;
  // 320 is "connection forced": RabbitMQ stops.
  if (code >= 300 && code < 600 && code !== 320) return new AmqpRefusal(code, error.message, error);
  return new AmqpUnavailable(`the connection to RabbitMQ broke: ${error.message}`, error);
}
