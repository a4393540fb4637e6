import { TidingsError, toError } from "../../core/errors.ts";

/**
 * The error of a storage of Django that cannot be asked.
 *
 * Drivers put what they were asked for into their errors, and a session's key opens that session:
 * hence it is taken out of the message, and there is no cause.
 */
export function toStorageError(storage: string, thrown: unknown, secret = ""): TidingsError {
  const { message } = toError(thrown);
  const safe = secret ? message.replaceAll(secret, "…") : message;
  return new TidingsError("STORAGE_UNAVAILABLE", `${storage} of the Django site failed: ${safe}`);
}
