import { TidingsError } from "../../core/errors.ts";
import type { EncodedMessage, MessageEmbed, TaskMessage } from "./message.ts";

/**
 * Decodes a Celery message of protocol 2.
 *
 * Only `task` and `id` must be there; the rest has defaults, as in a Python worker.
 *
 * @throws {TidingsError} MESSAGE_INVALID when headers or body do not have the shape of the protocol.
 */
export function decodeMessage({ headers, body }: EncodedMessage): TaskMessage {
  if (!isRecord(headers)) throw invalid("headers", "an object", headers);
  const id = toText(headers["id"], "header id");
  const [args, kwargs, embed] = decodeBody(body);
  return {
    id,
    task: toText(headers["task"], "header task"),
    args,
    kwargs,
    embed,
    retries: toCount(headers["retries"] ?? 0),
    eta: toTime(headers["eta"], "header eta"),
    expires: toTime(headers["expires"], "header expires"),
    rootId: toOptionalText(headers["root_id"], "header root_id") ?? id,
    parentId: toOptionalText(headers["parent_id"], "header parent_id"),
    group: toOptionalText(headers["group"], "header group"),
    origin: toOptionalText(headers["origin"], "header origin"),
  };
}

type MessageBody = readonly [
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  embed: MessageEmbed,
];

function decodeBody(text: string): MessageBody {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new TidingsError("MESSAGE_NOT_JSON", "expected the body of a task message to be JSON", {
      cause: error,
    });
  }
  if (!Array.isArray(body) || body.length !== 3) {
    throw invalid("body", "a list of arguments, keyword arguments and embed", body);
  }
  const [args, kwargs, embed]: unknown[] = body;
  if (!Array.isArray(args)) throw invalid("arguments", "a list", args);
  if (!isRecord(kwargs)) throw invalid("keyword arguments", "an object", kwargs);
  if (embed !== null && !isRecord(embed)) throw invalid("embed", "an object or null", embed);
  return [args, kwargs, embed ?? {}];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function toText(value: unknown, what: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw invalid(what, "text", value);
}

function toOptionalText(value: unknown, what: string): string | null {
  return value === null || value === undefined ? null : toText(value, what);
}

function toCount(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid("header retries", "an integer of 0 or more", value);
}

/** "Reader accepts `Z` and naive (= UTC)": a time without an offset is UTC. */
function toTime(value: unknown, what: string): number | null {
  const text = toOptionalText(value, what);
  if (text === null) return null;
  const time = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(time)) throw invalid(what, "an ISO 8601 time", value);
  return time;
}

/** Says the kind of what came, never what it holds. */
function invalid(what: string, expected: string, value: unknown): TidingsError {
  return new TidingsError(
    "MESSAGE_INVALID",
    `expected the ${what} of a task message to be ${expected}, got ${kindOf(value)}`,
  );
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value === null ? "null" : typeof value;
}
