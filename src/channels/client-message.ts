import type { StandardSchemaV1 } from "@standard-schema/spec";

import { isTidingsError, type ErrorCode } from "../core/errors.ts";
import { SchemaError, validate } from "../core/schema.ts";
import type { MessageId, MessageProblem } from "../protocol/index.ts";
import type { ClientFrame, ConnectionPort } from "./connection-port.ts";
import type { Connection } from "./connection.ts";
import type { ConsumerHandlers, MessageKind } from "./consumer.ts";

/** What a message needs beside itself. */
interface MessageContext {
  readonly handlers: ConsumerHandlers;
  readonly port: ConnectionPort;
}

/**
 * Hands a client's message to its handler, and answers the client that asks what became of it.
 *
 * Returns a promise only where a schema or a handler does: most messages are dealt with in the turn
 * that brought them.
 *
 * @throws what the handler throws, and what a schema throws of its own.
 */
export function handleClientMessage(
  connection: Connection,
  frame: ClientFrame,
  { handlers, port }: MessageContext,
): unknown {
  const react = (reaction: MessageReaction): unknown => {
    const id = "id" in frame ? frame.id : undefined;
    if ("problem" in reaction) return port.answer(id, reaction);
    return id === undefined
      ? reaction.handle(connection)
      : answer(reaction, connection, { id, port });
  };
  const reaction = readClientMessage(frame, handlers);
  return reaction instanceof Promise ? reaction.then(react) : react(reaction);
}

async function answer(
  { handle, reply }: Call,
  connection: Connection,
  { id, port }: { readonly id: MessageId; readonly port: ConnectionPort },
): Promise<void> {
  try {
    const returned = await handle(connection);
    port.answer(id, {
      json: reply && JSON.stringify(await validate(reply, returned, "the reply")),
    });
  } catch (thrown) {
    port.answer(id, { problem: toProblem(thrown) });
    throw thrown;
  }
}

/** What a client's message calls for: a handler, or a complaint. */
type MessageReaction = Call | { readonly problem: MessageProblem };

/** A handler to be called, and the schema of its reply, if it has one. */
interface Call {
  readonly handle: (connection: Connection) => unknown;
  readonly reply: StandardSchemaV1 | undefined;
}

/** Finds the handler of a client's message, and checks the message against its schema. */
function readClientMessage(
  frame: ClientFrame,
  handlers: ConsumerHandlers,
): MessageReaction | Promise<MessageReaction> {
  if ("problem" in frame) return frame;
  if ("bytes" in frame) return readBytes(frame.bytes, handlers);
  const { receiveText, messages } = handlers;
  if (receiveText) {
    const text = "text" in frame ? frame.text : frame.data;
    if (typeof text !== "string") return complain("MESSAGE_INVALID", "expected a text");
    return { handle: (connection) => receiveText(connection, text), reply: undefined };
  }
  const parsed = "text" in frame ? parseJson(frame.text) : frame;
  if (!parsed) return complain("MESSAGE_NOT_JSON", "expected a message in JSON");
  if (!messages) return complain("MESSAGE_INVALID", "this consumer takes no messages");
  if ("schema" in messages) return readData(parsed.data, messages);
  const type = typeOf(parsed.data);
  const kind = messages.get(type);
  if (kind) return readData(parsed.data, kind, type);
  const known = [...messages.keys()].join(", ");
  return complain("MESSAGE_INVALID", `expected the message's \`type\` to be one of ${known}`);
}

function readBytes(bytes: Uint8Array, { receiveBytes }: ConsumerHandlers): MessageReaction {
  if (!receiveBytes) return complain("MESSAGE_NOT_JSON", "this consumer takes no binary messages");
  return { handle: (connection) => receiveBytes(connection, bytes), reply: undefined };
}

function readData(
  data: unknown,
  kind: MessageKind,
  type?: string,
): MessageReaction | Promise<MessageReaction> {
  const result = kind.schema["~standard"].validate(data);
  return result instanceof Promise
    ? result.then((checked) => toReaction(checked, kind, type))
    : toReaction(result, kind, type);
}

function toReaction(
  result: StandardSchemaV1.Result<unknown>,
  { handle, reply }: MessageKind,
  type: string | undefined,
): MessageReaction {
  if (result.issues) {
    const { code, message, issues } = new SchemaError("the message", result.issues);
    return { problem: { code, message, issues } };
  }
  // A schema of the fields alone leaves `type` out, and the handler is promised it.
  const message = type === undefined ? result.value : withType(result.value, type);
  return { handle: (connection) => handle(connection, message), reply };
}

/** What a client is told of a handler that failed: nothing of the reason. */
function toProblem(thrown: unknown): MessageProblem {
  const code: ErrorCode = "REQUEST_FAILED";
  return isTidingsError(thrown, "CHANNEL_CLOSED")
    ? { code: thrown.code, message: "the connection is closed" }
    : { code, message: "internal error" };
}

function complain(code: ErrorCode, message: string): MessageReaction {
  return { problem: { code, message, issues: [] } };
}

function typeOf(data: unknown): string {
  return typeof data === "object" &&
    data !== null &&
    "type" in data &&
    typeof data.type === "string"
    ? data.type
    : "";
}

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
