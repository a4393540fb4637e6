import type { AmqpDelivery, AmqpProperties } from "../../amqp/index.ts";
import { isRecord } from "../message/is-record.ts";
import { readMarks, writeMarks, type MessageMarks } from "../message/message-marks.ts";
import type { EncodedMessage } from "../message/message.ts";

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

/** Reads a message; one without any id is known by `fallbackId`. */
export function readAmqpMessage(
  { body, properties }: AmqpDelivery,
  fallbackId: string,
): MarkedMessage {
  const { contentType, contentEncoding, correlationId, replyTo, deliveryMode, priority } =
    properties;
  const { [MARKS]: marks, ...headers } = withoutBrokers(properties.headers);
  const id = headers["id"];
  return {
    marks: readMarks(marks),
    message: {
      id: toId(id) ?? toId(correlationId) ?? fallbackId,
      headers,
      body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength),
      contentType: contentType ?? "application/json",
      contentEncoding: contentEncoding ?? "utf-8",
      properties: withoutAbsent({ correlationId, replyTo, deliveryMode, priority }),
    },
  };
}

/** What RabbitMQ notes on its way: how often a quorum queue delivered it, and through which it died. */
const BROKERS: ReadonlySet<string> = new Set([
  "x-delivery-count",
  "x-death",
  "x-first-death-exchange",
  "x-first-death-queue",
  "x-first-death-reason",
  "x-last-death-exchange",
  "x-last-death-queue",
  "x-last-death-reason",
]);

function withoutBrokers(headers: unknown): Readonly<Record<string, unknown>> {
  const entries = Object.entries(isRecord(headers) ? headers : {});
  return Object.fromEntries(entries.filter(([name]) => !BROKERS.has(name)));
}

function toId(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function withoutAbsent<T extends object>(value: T): T;
function withoutAbsent(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}
