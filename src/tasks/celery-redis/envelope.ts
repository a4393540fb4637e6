import { randomUUID } from "node:crypto";

import { readPythonJson } from "../../core/read-python-json.ts";
import { decodeMessage, isProtocol1 } from "../message/decode.ts";
import { isRecord } from "../message/is-record.ts";
import { JsonRefusal } from "../message/json-text.ts";
import type { EncodedMessage } from "../message/message.ts";
import { readProperties, writeProperties } from "../message/properties.ts";
import { writeTypedJson } from "../message/typed-json.ts";
import { toPriorityStep } from "../priority.ts";

/** What a broker of ours notes on a message beside what Celery knows of it. */
export interface EnvelopeMarks {
  /** How often it has been taken by one of our workers. */
  readonly runs: number;
  /** How often its worker died. */
  readonly lostLeases: number;
  /** When it becomes due, if not by its `eta`. */
  readonly dueAt: number | null;
}

/** A message as it lies in a list. */
export interface Envelope {
  readonly message: EncodedMessage;
  /** The queue that it was sent to. */
  readonly queue: string;
  readonly marks: EnvelopeMarks;
  /** Which of the four lists of a queue it belongs to. */
  readonly step: number;
}

/** A message that nobody has taken. */
export const UNTAKEN: EnvelopeMarks = { runs: 0, lostLeases: 0, dueAt: null };

/**
 * Writes a message as kombu does, with all that its consumers insist on.
 *
 * Our marks are one more property, which Python workers carry along when they put a message back.
 */
export function writeEnvelope(
  queue: string,
  message: EncodedMessage,
  marks: EnvelopeMarks = UNTAKEN,
): string {
  const isRedelivered = marks.runs > 0 && marks.dueAt === null;
  const { headers, body } = message;
  const envelope = {
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64"),
    "content-encoding": message.contentEncoding,
    "content-type": message.contentType,
    headers: isRedelivered && isRecord(headers) ? { ...headers, redelivered: true } : headers,
    properties: {
      priority: 0,
      ...writeProperties(message.properties),
      delivery_info: {
        exchange: "",
        routing_key: queue,
        redelivered: isRedelivered || undefined,
      },
      body_encoding: "base64",
      tidings: toMarksField(marks),
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
  marks: EnvelopeMarks,
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
  const { body_encoding, delivery_info, delivery_tag: _, tidings, ...others } = properties;
  const message = {
    id: idOf(headers, properties) ?? fallbackId,
    headers,
    body: toBytes(Buffer.from(body, body_encoding === "base64" ? "base64" : "utf8")),
    contentType: toText(envelope["content-type"], "application/json"),
    contentEncoding: toText(envelope["content-encoding"], "utf-8"),
    properties: readProperties(others),
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

/** When a message may run: as it is marked, or by its `eta`, which is UTC if it does not say. */
export function dueTimeOf({ message, marks }: Envelope): number | null {
  if (marks.dueAt !== null) return marks.dueAt;
  const { headers } = message;
  if (isProtocol1(headers)) return dueTimeInBody(message);
  const eta = isRecord(headers) ? headers["eta"] : null;
  if (typeof eta !== "string") return null;
  const time = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(eta) ? eta : `${eta}Z`);
  // One that cannot be read is for the worker to refuse.
  return Number.isNaN(time) ? null : time;
}

/** Of a message of protocol 1 everything is in the body. */
function dueTimeInBody(message: EncodedMessage): number | null {
  try {
    return decodeMessage(message).eta;
  } catch {
    // One that cannot be read is for the worker to refuse.
    return null;
  }
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

function toMarksField({ runs, lostLeases, dueAt }: EnvelopeMarks): object | undefined {
  if (runs === 0 && dueAt === null) return undefined;
  return { runs, lost: lostLeases, due: dueAt };
}

function readMarks(field: unknown): EnvelopeMarks {
  if (!isRecord(field)) return UNTAKEN;
  const { runs, lost, due } = field;
  return {
    runs: toCount(runs),
    lostLeases: toCount(lost),
    dueAt: typeof due === "number" && Number.isFinite(due) ? due : null,
  };
}

function toText(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function toCount(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
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
