import { isRecord } from "./is-record.ts";
import type { MessageProperties } from "./message.ts";

/**
 * Reads the properties of a message as brokers store them, a JSON object.
 *
 * What is not as the protocol says is left out: a worker can do without each of them.
 */
export function readProperties(stored: unknown): MessageProperties {
  if (!isRecord(stored)) return {};
  const { correlation_id, reply_to, delivery_mode, priority, expiration, ...others } = stored;
  return {
    ...(typeof correlation_id === "string" && { correlationId: correlation_id }),
    ...(typeof reply_to === "string" && { replyTo: reply_to }),
    ...(isInteger(delivery_mode) && { deliveryMode: delivery_mode }),
    ...(isInteger(priority) && { priority }),
    ...(typeof expiration === "string" && { expiration }),
    ...(Object.keys(others).length > 0 && { others }),
  };
}

/** Writes properties as brokers store them; those that are absent are `undefined`, which JSON leaves out. */
export function writeProperties(properties: MessageProperties): Readonly<Record<string, unknown>> {
  const { correlationId, replyTo, deliveryMode, priority, expiration, others } = properties;
  return {
    correlation_id: correlationId,
    reply_to: replyTo,
    ...others,
    delivery_mode: deliveryMode,
    expiration,
    priority,
  };
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
