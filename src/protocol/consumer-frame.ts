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

/** What a consumer sends, in the subprotocol: data, what became of a message, or what is wrong with it. */
export interface ServerEnvelope {
  /** The id of the message that this answers. */
  readonly ack?: MessageId | undefined;
  readonly data?: unknown;
  readonly error?: MessageProblem | undefined;
  /** Where to go on after this, in the histories of groups. */
  readonly cursor?: string | undefined;
  /** Why what was missed of a group cannot be told. */
  readonly reset?: { readonly reason: string } | undefined;
}

const MAX_ID_LENGTH = 64;

/** Whether a client's frame is an envelope (PROTOCOL.md 9.5). */
export function isClientEnvelope(value: unknown): value is ClientEnvelope {
  if (typeof value !== "object" || value === null || !("data" in value)) return false;
  return !("id" in value) || isMessageId(value.id);
}

/** Whether a consumer's frame is an envelope (PROTOCOL.md 9.6). */
export function isServerEnvelope(value: unknown): value is ServerEnvelope {
  if (typeof value !== "object" || value === null) return false;
  if ("cursor" in value || "reset" in value) return true;
  return "data" in value || "error" in value || ("ack" in value && isMessageId(value.ack));
}

/** The id of a client's frame, whatever else is wrong with it. */
export function findMessageId(value: unknown): MessageId | undefined {
  if (typeof value !== "object" || value === null || !("id" in value)) return undefined;
  return isMessageId(value.id) ? value.id : undefined;
}

function isMessageId(id: unknown): id is MessageId {
  if (typeof id === "number") return Number.isSafeInteger(id);
  return typeof id === "string" && id.length > 0 && id.length <= MAX_ID_LENGTH;
}
