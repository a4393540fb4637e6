import { AmqpRefusal } from "../../amqp/index.ts";
import { TidingsError, toError } from "../../core/errors.ts";

/** RabbitMQ that cannot be reached, or refuses, is a storage that is not there for now. */
export function toStorageError(error: unknown): TidingsError {
  const { message } = toError(error);
  return new TidingsError("STORAGE_UNAVAILABLE", message, { cause: error });
}

/** Whether no queue got a message: "NO_ROUTE", or "NOT_FOUND" for its exchange. */
export function isUnroutable(error: unknown): error is AmqpRefusal {
  return error instanceof AmqpRefusal && (error.replyCode === 312 || error.replyCode === 404);
}
