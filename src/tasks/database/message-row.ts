import type { SQLInputValue, SQLOutputValue } from "node:sqlite";

import type { EncodedMessage } from "../message/message.ts";
import { readProperties, writeProperties } from "../message/properties.ts";
import { toPriorityStep } from "../priority.ts";

/** The columns that hold a message, in the order of {@link toMessageColumns}. */
export const MESSAGE_COLUMNS = [
  "headers",
  "body",
  "content_type",
  "content_encoding",
  "properties",
  "priority",
] as const;

/** What a message is in a row. */
export function toMessageColumns(message: EncodedMessage): readonly SQLInputValue[] {
  return [
    JSON.stringify(message.headers),
    message.body,
    message.contentType,
    message.contentEncoding,
    JSON.stringify(writeProperties(message.properties)),
    toPriorityStep(message.properties.priority),
  ];
}

/** Reads the message of a row. */
export function readMessageRow(row: Record<string, SQLOutputValue>): EncodedMessage {
  return {
    id: String(row["id"]),
    headers: parseJson(row["headers"]),
    body: row["body"] instanceof Uint8Array ? row["body"] : new Uint8Array(),
    contentType: String(row["content_type"]),
    contentEncoding: String(row["content_encoding"]),
    properties: readProperties(parseJson(row["properties"])),
  };
}

/** What is no JSON is handed on as it is: whoever decodes the message says so. */
function parseJson(text: SQLOutputValue | undefined): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return text;
  }
}
