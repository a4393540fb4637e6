import { isRecord } from "../../core/is-record.ts";
import type { EncodedMessage } from "./message.ts";

/** Marks a message that a worker may have had before, as Celery does. */
export function markRedelivered(message: EncodedMessage): EncodedMessage {
  const { headers } = message;
  return isRecord(headers) ? { ...message, headers: { ...headers, redelivered: true } } : message;
}

/** Whether a message is marked so. */
export function isRedelivered({ headers }: EncodedMessage): boolean {
  return isRecord(headers) && headers["redelivered"] === true;
}
