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
  return withoutAbsent({
    correlationId: toText(correlation_id),
    replyTo: toText(reply_to),
    deliveryMode: toInteger(delivery_mode),
    priority: toInteger(priority),
    expiration: toText(expiration),
    others: Object.keys(others).length === 0 ? undefined : others,
  });
}

/** Writes properties as brokers store them; those that are absent are left out. */
export function writeProperties(properties: MessageProperties): Readonly<Record<string, unknown>> {
  const { correlationId, replyTo, deliveryMode, priority, expiration, others } = properties;
  return withoutAbsent({
    correlation_id: correlationId,
    reply_to: replyTo,
    ...others,
    delivery_mode: deliveryMode,
    expiration,
    priority,
  });
}

function withoutAbsent<T extends object>(value: T): T;
function withoutAbsent(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}

function toText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function toInteger(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? Number(value) : undefined;
}
