import { isTidingsError, type ErrorCode } from "../core/errors.ts";
import { SchemaError, validate } from "../core/schema.ts";
import type { MessageProblem } from "../protocol/index.ts";
import type { ClientFrame } from "./connection-port.ts";
import type { Connection } from "./connection.ts";
import type { ConsumerHandlers, MessageKind } from "./consumer.ts";

/** What a client's message calls for: a handler, which returns the reply as JSON, or a complaint. */
export type MessageReaction =
  | { readonly handle: (connection: Connection) => Promise<string | undefined> }
  | { readonly problem: MessageProblem };

/**
 * Finds the handler of a client's message, and checks the message against its schema.
 *
 * @throws what the schema throws of its own, which is the application's fault, not the client's.
 */
export async function readClientMessage(
  frame: ClientFrame,
  handlers: ConsumerHandlers,
): Promise<MessageReaction> {
  if ("problem" in frame) return frame;
  if ("bytes" in frame) return readBytes(frame.bytes, handlers);
  const { receiveText } = handlers;
  if (receiveText) {
    const text = "text" in frame ? frame.text : frame.data;
    if (typeof text !== "string") return complain("MESSAGE_INVALID", "expected a text");
    return { handle: async (connection) => void (await receiveText(connection, text)) };
  }
  const parsed = "text" in frame ? parseJson(frame.text) : frame;
  if (!parsed) return complain("MESSAGE_NOT_JSON", "expected a message in JSON");
  return await readData(parsed.data, handlers);
}

function readBytes(bytes: Uint8Array, { receiveBytes }: ConsumerHandlers): MessageReaction {
  if (!receiveBytes) return complain("MESSAGE_NOT_JSON", "this consumer takes no binary messages");
  return { handle: async (connection) => void (await receiveBytes(connection, bytes)) };
}

async function readData(data: unknown, { messages }: ConsumerHandlers): Promise<MessageReaction> {
  if (!messages) return complain("MESSAGE_INVALID", "this consumer takes no messages");
  const kind = messages instanceof Map ? messages.get(typeOf(data)) : messages;
  if (!isKind(kind)) {
    const known = messages instanceof Map ? [...messages.keys()].join(", ") : "";
    return complain("MESSAGE_INVALID", `expected the message's \`type\` to be one of ${known}`);
  }
  try {
    const output = await validate(kind.schema, data, "the message");
    const message = messages instanceof Map ? withType(output, typeOf(data)) : output;
    return { handle: (connection) => handleWith(kind, connection, message) };
  } catch (thrown) {
    if (!(thrown instanceof SchemaError)) throw thrown;
    return { problem: { code: thrown.code, message: thrown.message, issues: thrown.issues } };
  }
}

async function handleWith(
  { reply, handle }: MessageKind,
  connection: Connection,
  message: unknown,
): Promise<string | undefined> {
  const returned = await handle(connection, message);
  if (!reply) return undefined;
  return JSON.stringify(await validate(reply, returned, "the reply"));
}

/** What a client is told of a handler that failed: nothing of the reason. */
export function toProblem(thrown: unknown): MessageProblem {
  const code: ErrorCode = "REQUEST_FAILED";
  return isTidingsError(thrown, "CHANNEL_CLOSED")
    ? { code: thrown.code, message: "the connection is closed" }
    : { code, message: "internal error" };
}

function complain(code: ErrorCode, message: string): MessageReaction {
  return { problem: { code, message, issues: [] } };
}

function isKind(
  kind: MessageKind | ReadonlyMap<string, MessageKind> | undefined,
): kind is MessageKind {
  return kind !== undefined && "schema" in kind;
}

function typeOf(data: unknown): string {
  return typeof data === "object" &&
    data !== null &&
    "type" in data &&
    typeof data.type === "string"
    ? data.type
    : "";
}

/** A schema of the fields alone leaves `type` out, and the handler is promised it. */
function withType(output: unknown, type: string): unknown {
  return typeof output === "object" && output !== null ? { ...output, type } : output;
}

function parseJson(text: string): { readonly data: unknown } | undefined {
  try {
    return { data: JSON.parse(text) };
  } catch {
    return undefined; // the caller tells the client
  }
}
