import type { ClientFrame } from "../../channels/index.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { findMessageId, isClientEnvelope, type MessageId } from "../../protocol/index.ts";

/** A message of a client, and the id by which it asks what becomes of it. */
export interface PostedMessage {
  readonly id: MessageId | undefined;
  /** What its handler gets; the id that the session answers is put in later. */
  readonly content: ClientFrame;
}

/** How many messages may come together. */
export const MAX_MESSAGES = 1_000;

/**
 * Reads the body of a POST: one envelope, or a list of them (PROTOCOL.md 10.6).
 *
 * `undefined` when it is no JSON, or has more than 1,000 messages. What else is wrong with a message is
 * an answer to it, and harms none of the others.
 */
export function readPostedMessages(body: string): readonly PostedMessage[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined; // the caller says what was expected
  }
  const envelopes: readonly unknown[] = Array.isArray(value) ? value : [value];
  return envelopes.length > MAX_MESSAGES ? undefined : envelopes.map(readEnvelope);
}

/** Reads a frame of a WebSocket: one envelope; `undefined` when it is no JSON. */
export function readMessageFrame(text: string): PostedMessage | undefined {
  try {
    return readEnvelope(JSON.parse(text));
  } catch {
    return undefined; // the caller says what was expected
  }
}

function readEnvelope(value: unknown): PostedMessage {
  const id = findMessageId(value);
  if (isClientEnvelope(value)) return { id, content: { data: value.data, id } };
  const bytes = readBytes(value);
  if (bytes) return { id, content: { bytes } };
  return { id, content: { problem: PROBLEM, id } };
}

const CODE: ErrorCode = "MESSAGE_INVALID";
const PROBLEM = {
  code: CODE,
  message: "expected a frame with `data`; an `id` is an integer, or a text of 1 to 64 characters",
  issues: [],
};

/** A binary message, which JSON carries in base64. */
function readBytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== "object" || value === null || !("bytes" in value)) return undefined;
  if ("id" in value && findMessageId(value) === undefined) return undefined;
  const { bytes } = value;
  if (typeof bytes !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(bytes)) return undefined;
  return Buffer.from(bytes, "base64");
}
