import { isRecord } from "../../core/is-record.ts";
import { readPythonJson } from "../../core/read-python-json.ts";
import { writeTypedJson } from "../message/typed-json.ts";
import type { ControlReply, ControlRequest, ReplyAddress } from "./control-channel.ts";
import { processClock } from "./lamport-clock.ts";

/** The exchange that every worker listens to, and the one for answers. */
export const PIDBOX = "celery.pidbox";
export const REPLY_PIDBOX = "reply.celery.pidbox";

/** What Celery sends, or would: the body as JSON, and the headers. */
export interface PidboxMessage {
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** One that is sent. */
export interface SentPidboxMessage extends PidboxMessage {
  /** Celery has requests survive a restart of the broker, and answers not. */
  readonly deliveryMode: 1 | 2;
}

/** An answer is no longer than this; what is longer is answered by an error that says so. */
const MAX_REPLY_LENGTH = 1_048_576;

/** Writes a request as Celery's control does. */
export function writeRequest(request: ControlRequest): SentPidboxMessage {
  const { replyTo, expiresAt, ...words } = request;
  const { method, arguments: args, destination, pattern, matcher } = words;
  const reply = replyTo && {
    ticket: replyTo.ticket,
    reply_to: { exchange: replyTo.exchange, routing_key: replyTo.routingKey },
  };
  return {
    body: writeTypedJson(
      { method, arguments: args, destination, pattern, matcher, ...reply },
      "a control request",
    ),
    headers: {
      clock: processClock.forward(),
      expires: expiresAt === null ? 0 : expiresAt / 1_000,
    },
    deliveryMode: 2,
  };
}

/** Reads a request; `null` for what is none. */
export function readRequest(text: string, headers: unknown): ControlRequest | null {
  const body = parseObject(text);
  if (typeof body?.["method"] !== "string") return null;
  const { method, destination, pattern, matcher } = body;
  const { clock, expires } = isRecord(headers) ? headers : {};
  processClock.adjust(clock);
  return {
    method,
    arguments: isRecord(body["arguments"]) ? body["arguments"] : {},
    destination: isTextList(destination) && destination.length > 0 ? destination : null,
    pattern: typeof pattern === "string" && pattern !== "" ? pattern : null,
    matcher: matcher === "glob" || matcher === "pcre" ? matcher : null,
    expiresAt: typeof expires === "number" && expires > 0 ? expires * 1_000 : null,
    replyTo: readAddress(body),
  };
}

/** Writes an answer as Celery's workers do. */
export function writeReply({ ticket }: ReplyAddress, reply: ControlReply): SentPidboxMessage {
  const headers = { ticket, clock: processClock.forward() };
  return { body: writeAnswer(reply), headers, deliveryMode: 1 };
}

/** Reads an answer; `null` for what is none, or belongs to another ticket. */
export function readReply(text: string, headers: unknown, ticket: string): ControlReply | null {
  if (!isRecord(headers) || headers["ticket"] !== ticket) return null;
  processClock.adjust(headers["clock"]);
  const [entry] = Object.entries(parseObject(text) ?? {});
  return entry ? { worker: entry[0], value: entry[1] } : null;
}

function writeAnswer({ worker, value }: ControlReply): string {
  try {
    const text = writeTypedJson({ [worker]: value ?? null }, "an answer");
    if (text.length <= MAX_REPLY_LENGTH) return text;
    return JSON.stringify({ [worker]: { error: `the answer has ${text.length} characters` } });
  } catch {
    return JSON.stringify({ [worker]: { error: "the answer cannot be written as JSON" } });
  }
}

function readAddress({ ticket, reply_to: to }: Readonly<Record<string, unknown>>) {
  if (typeof ticket !== "string" || !isRecord(to)) return null;
  const { exchange, routing_key: routingKey } = to;
  if (typeof exchange !== "string" || typeof routingKey !== "string") return null;
  return { ticket, exchange, routingKey };
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value = readPythonJson(text);
    return isRecord(value) ? value : null;
  } catch {
    // What is no JSON is not for us.
    return null;
  }
}
