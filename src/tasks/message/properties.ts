import { isRecord } from "../../core/is-record.ts";
import type { MessageProperties } from "./message.ts";

/** What is read elsewhere: those below, and those by which kombu's Redis transport carries a message. */
const NO_OTHERS: ReadonlySet<string> = new Set([
  "correlation_id",
  "reply_to",
  "delivery_mode",
  "priority",
  "expiration",
  "delivery_info",
  "delivery_tag",
  "body_encoding",
  "tidings",
]);

/**
 * Reads the properties of a message as brokers store them, a JSON object.
 *
 * What is not as the protocol says is left out: a worker can do without each of them.
 */
export function readProperties(stored: unknown): MessageProperties {
  if (!isRecord(stored)) return {};
  const { correlation_id, reply_to, delivery_mode, priority, expiration } = stored;
  const properties: { -readonly [Name in keyof MessageProperties]: MessageProperties[Name] } = {};
  if (typeof correlation_id === "string") properties.correlationId = correlation_id;
  if (typeof reply_to === "string") properties.replyTo = reply_to;
  if (isInteger(delivery_mode)) properties.deliveryMode = delivery_mode;
  if (isInteger(priority)) properties.priority = priority;
  if (typeof expiration === "string") properties.expiration = expiration;
  const others = Object.keys(stored).filter((name) => !NO_OTHERS.has(name));
  if (others.length > 0) {
    properties.others = Object.fromEntries(others.map((name) => [name, stored[name]]));
  }
  return properties;
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
