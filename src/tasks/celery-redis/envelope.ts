import { randomUUID } from "node:crypto";

import { isRecord } from "../../core/is-record.ts";
import { readPythonJson } from "../../core/read-python-json.ts";
import type { ExchangeAddress } from "../brokers/broker.ts";
import { JsonRefusal } from "../message/json-text.ts";
import { readMarks, UNTAKEN, writeMarks, type MessageMarks } from "../message/message-marks.ts";
import type { EncodedMessage } from "../message/message.ts";
import { readProperties, writeProperties } from "../message/properties.ts";
import { writeTypedJson } from "../message/typed-json.ts";
import { toPriorityStep } from "../priority.ts";

/** A message as it lies in a list. */
export interface Envelope {
  readonly message: EncodedMessage;
  /** The queue that it was sent to. */
  readonly queue: string;
  readonly marks: MessageMarks;
  /** Which of the four lists of a queue it belongs to. */
  readonly step: number;
}

/**
 * Writes a message as kombu does, with all that its consumers insist on.
 *
 * Our marks are one more property, which Python workers carry along when they put a message back.
 */
export function writeEnvelope(
  queue: string,
  message: EncodedMessage,
  marks: MessageMarks = UNTAKEN,
): string {
  return write({ exchange: "", routingKey: queue }, message, marks);
}

/** Writes a message to all who listen to an exchange. */
export function writeBroadcast(address: ExchangeAddress, message: EncodedMessage): string {
  return write(address, message, UNTAKEN);
}

function write(
  { exchange, routingKey }: ExchangeAddress,
  message: EncodedMessage,
  marks: MessageMarks,
): string {
  const isRedelivered = marks.runs > 0 && marks.dueAt === null;
  const { headers, body } = message;
  const envelope = {
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64"),
    "content-encoding": message.contentEncoding,
    "content-type": message.contentType,
    headers: isRedelivered && isRecord(headers) ? { ...headers, redelivered: true } : headers,
    properties: {
      ...writeProperties(message.properties),
      priority: message.properties.priority ?? 0,
      delivery_info: {
        exchange,
        routing_key: routingKey,
        redelivered: isRedelivered || undefined,
      },
      body_encoding: "base64",
      tidings: writeMarks(marks),
      delivery_tag: randomUUID(),
    },
  };
  // What others wrote may hold integers and numbers that JSON here has no form for.
  return marks === UNTAKEN ? JSON.stringify(envelope) : writeTypedJson(envelope, "a message");
}

/**
 * Writes a message again that came from a queue.
 *
 * Whoever sent it may have nested its headers deeper than we write: then it goes on without them, to
 * be refused by who runs it rather than to stand in the way of others.
 */
export function rewriteEnvelope(
  queue: string,
  message: EncodedMessage,
  marks: MessageMarks,
): string {
  try {
    return writeEnvelope(queue, message, marks);
  } catch (error) {
    if (!(error instanceof JsonRefusal)) throw error;
    const { id } = message;
    return writeEnvelope(queue, { ...message, headers: { id }, properties: {} }, marks);
  }
}

/** Reads what lies in a list; what is no message becomes one that no worker can decode. */
export function readEnvelope(text: string, fallbackId: string): Envelope {
  const envelope = parseObject(text) ?? {};
  const { body, headers, properties } = envelope;
  if (!isRecord(properties) || typeof body !== "string") return toBroken(text, fallbackId);
  const { body_encoding, delivery_info, tidings } = properties;
  const message = {
    id: idOf(headers, properties) ?? fallbackId,
    headers,
    body: toBytes(Buffer.from(body, body_encoding === "base64" ? "base64" : "utf8")),
    contentType: toText(envelope["content-type"], "application/json"),
    contentEncoding: toText(envelope["content-encoding"], "utf-8"),
    properties: readProperties(properties),
  };
  const queue = isRecord(delivery_info) ? toText(delivery_info["routing_key"], "") : "";
  return {
    message,
    queue,
    marks: readMarks(tidings),
    step: toPriorityStep(properties["priority"]),
  };
}

function toBroken(text: string, id: string): Envelope {
  const message = {
    id,
    headers: null,
    body: toBytes(Buffer.from(text)),
    contentType: "application/data",
    contentEncoding: "binary",
    properties: {},
  };
  return { message, queue: "", marks: UNTAKEN, step: 0 };
}

function toBytes({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function idOf(headers: unknown, properties: Readonly<Record<string, unknown>>): string | undefined {
  const id = isRecord(headers) ? headers["id"] : undefined;
  if (typeof id === "string" && id !== "") return id;
  const correlationId = properties["correlation_id"];
  return typeof correlationId === "string" && correlationId !== "" ? correlationId : undefined;
}

function toText(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = readPythonJson(text);
    return isRecord(value) ? value : null;
  } catch {
    // Whoever reads it says that it is no message.
    return null;
  }
}
