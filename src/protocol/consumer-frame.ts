import { isRecord } from "../core/is-record.ts";

/** What a client calls a message of its own, to hear what became of it. */
export type MessageId = number | string;

/** A message of a client, in the subprotocol: the application's data, and an id if it asks. */
export interface ClientEnvelope {
  readonly id?: MessageId | undefined;
  readonly data: unknown;
}

/** What is wrong with a message of a client. */
export interface MessageProblem {
  readonly code: string;
  readonly message: string;
  readonly issues?: readonly { readonly path: string; readonly message: string }[] | undefined;
}

/** What a consumer sends, in the subprotocol or over HTTP (PROTOCOL.md 9.6 and 10.8). */
export interface ServerEnvelope {
  /** The id of the connection. */
  readonly connection?: string | undefined;
  /** Where to go on after this. */
  readonly cursor?: string | undefined;
  /** What was sent before cannot be told any more; or what groups were sent can, if nothing else. */
  readonly reset?:
    | { readonly reason: string; readonly recovered?: boolean | undefined }
    | undefined;
  /** A binary message, in base64. */
  readonly bytes?: string | undefined;
  /** The connection has ended. */
  readonly close?: { readonly code: number; readonly reason: string } | undefined;
  /** The id of the message that this answers. */
  readonly ack?: MessageId | undefined;
  readonly data?: unknown;
  readonly error?: MessageProblem | undefined;
}

const MAX_ID_LENGTH = 64;

/** Whether a client's frame is an envelope (PROTOCOL.md 9.5). */
export function isClientEnvelope(value: unknown): value is ClientEnvelope {
  if (!isRecord(value) || !("data" in value)) return false;
  return !("id" in value) || isMessageId(value["id"]);
}

/** Whether a consumer's frame is an envelope (PROTOCOL.md 9.6): a newer server may have fields that we do not know. */
export function isServerEnvelope(value: unknown): value is ServerEnvelope {
  return isRecord(value);
}

/** The id of a client's frame, whatever else is wrong with it. */
export function findMessageId(value: unknown): MessageId | undefined {
  const id = isRecord(value) ? value["id"] : undefined;
  return isMessageId(id) ? id : undefined;
}

function isMessageId(id: unknown): id is MessageId {
  if (typeof id === "number") return Number.isSafeInteger(id);
  return typeof id === "string" && id.length > 0 && id.length <= MAX_ID_LENGTH;
}
