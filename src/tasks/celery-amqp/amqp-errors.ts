import { isAmqpRefusal, type AmqpRefusal } from "../../amqp/index.ts";
import { TidingsError, toError } from "../../core/errors.ts";

/** RabbitMQ that cannot be reached, or refuses, is a storage that is not there for now. */
export function toStorageError(error: unknown): TidingsError {
  const { message } = toError(error);
  return new TidingsError("STORAGE_UNAVAILABLE", message, { cause: error });
}

/** Whether no queue got a message, or its exchange is not there. */
export function isUnroutable(error: unknown): error is AmqpRefusal {
  return isAmqpRefusal(error, "NO_ROUTE") || isAmqpRefusal(error, "NOT_FOUND");
}
