import { randomUUID } from "node:crypto";

import type { AmqpDelivery, AmqpProperties } from "../../amqp/index.ts";
import { isRecord } from "../../core/is-record.ts";
import { readMarks, writeMarks, type MessageMarks } from "../message/message-marks.ts";
import type { EncodedMessage, MessageProperties } from "../message/message.ts";

/** The header that holds our marks. */
const MARKS = "tidings";

/**
 * Writes the properties of a message as Celery does.
 *
 * But for `expiration`: RabbitMQ would drop a message that has expired, and nobody would record that it
 * was revoked. The header `expires` says the same to workers.
 */
export function toAmqpProperties(
  { headers, contentType, contentEncoding, properties }: EncodedMessage,
  marks: MessageMarks,
): AmqpProperties {
  const { correlationId, replyTo, deliveryMode = 2, priority } = properties;
  const own = isRecord(headers) ? headers : {};
  return {
    contentType,
    contentEncoding,
    correlationId,
    replyTo,
    deliveryMode,
    priority: priority === undefined ? undefined : Math.min(Math.max(priority, 0), 255),
    headers: { ...own, [MARKS]: writeMarks(marks) },
  };
}

/** A message as it came, and our marks. */
export interface MarkedMessage {
  readonly message: EncodedMessage;
  readonly marks: MessageMarks;
}

/** Reads a message; one without any id gets one. */
export function readAmqpMessage({ body, properties }: AmqpDelivery): MarkedMessage {
  const { contentType, contentEncoding, correlationId } = properties;
  const all = isRecord(properties.headers) ? properties.headers : {};
  const headers = withoutBrokers(all);
  return {
    marks: readMarks(all[MARKS]),
    message: {
      id: toId(headers["id"]) ?? toId(correlationId) ?? randomUUID(),
      headers,
      body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength),
      contentType: contentType ?? "application/json",
      contentEncoding: contentEncoding ?? "utf-8",
      properties: toMessageProperties(properties),
    },
  };
}

/** What is absent is left out. */
function toMessageProperties(from: AmqpProperties): MessageProperties {
  const { correlationId, replyTo, deliveryMode, priority } = from;
  const to: { -readonly [Name in keyof MessageProperties]: MessageProperties[Name] } = {};
  if (correlationId !== undefined) to.correlationId = correlationId;
  if (replyTo !== undefined) to.replyTo = replyTo;
  if (deliveryMode !== undefined) to.deliveryMode = deliveryMode;
  if (priority !== undefined) to.priority = priority;
  return to;
}

/** Our marks, and what RabbitMQ notes: how often a quorum queue delivered it, and through which it died. */
const BROKERS: ReadonlySet<string> = new Set([
  MARKS,
  "x-delivery-count",
  "x-death",
  "x-first-death-exchange",
  "x-first-death-queue",
  "x-first-death-reason",
  "x-last-death-exchange",
  "x-last-death-queue",
  "x-last-death-reason",
]);

/** Most have nothing of that, and are not copied. */
function withoutBrokers(
  headers: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (!Object.keys(headers).some((name) => BROKERS.has(name))) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !BROKERS.has(name)));
}

function toId(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
