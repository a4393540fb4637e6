import { AmqpUnavailable, isAmqpRefusal, type AmqpRefusal } from "../../amqp/index.ts";
import { TidingsError, toError } from "../../core/errors.ts";

/** RabbitMQ that cannot be reached, or refuses, is a storage that is not there for now. */
export function toStorageError(error: unknown): TidingsError {
  const { message, cause } = toError(error);
  // What says the same is no cause.
  const isSame = error instanceof AmqpUnavailable;
  return new TidingsError("STORAGE_UNAVAILABLE", message, { cause: isSame ? cause : error });
}

/** Whether no queue got a message, or its exchange is not there. */
export function isUnroutable(error: unknown): error is AmqpRefusal {
  return isAmqpRefusal(error, "NO_ROUTE") || isAmqpRefusal(error, "NOT_FOUND");
}
