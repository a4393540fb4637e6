import { AmqpUnavailable, isAmqpRefusal, type AmqpRefusal } from "../../amqp/index.ts";
import { TidingsError, toError } from "../../core/errors.ts";

/** RabbitMQ that cannot be reached, or refuses, is a storage that is not there for now. */
export function toStorageError(error: unknown): TidingsError {
  const { message, cause } = toError(error);
  if (isTooLarge(error)) return new TidingsError("TASK_TOO_LARGE", message, { cause: error });
  // What says the same is no cause.
  const isSame = error instanceof AmqpUnavailable;
  return new TidingsError("STORAGE_UNAVAILABLE", message, { cause: isSame ? cause : error });
}

/** Whether the headers of a message have no room. */
export function isTooLarge(error: unknown): boolean {
  return isAmqpRefusal(error, "CONTENT_TOO_LARGE");
}

/** Whether no queue got a message, or its exchange is not there. */
export function isUnroutable(error: unknown): error is AmqpRefusal {
  return isAmqpRefusal(error, "NO_ROUTE") || isAmqpRefusal(error, "NOT_FOUND");
}
