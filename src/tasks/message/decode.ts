import { TidingsError } from "../../core/errors.ts";
import { isRecord } from "../../core/is-record.ts";
import { decompress } from "./compression.ts";
import { parseIsoTime } from "./iso-time.ts";
import { kindOf } from "./kind-of.ts";
import type { MessageFormat } from "./message-format.ts";
import type {
  EncodedMessage,
  MessageEmbed,
  MessageProperties,
  TaskMessage,
  TimeLimits,
} from "./message.ts";
import { ACCEPTED, deserialize } from "./serializer.ts";

/** Larger bodies are refused, unless one's own may be larger. */
export const MAX_BODY_BYTES = 16_777_216;

/** What is read, and what is refused. */
export interface DecodeOptions extends Pick<MessageFormat, "accept"> {
  /** The bound of a body, decompressed. @default 16_777_216 */
  readonly maxBytes?: number | undefined;
}

/** What lies in a list of Redis may be anything. */
const NO_MESSAGE =
  "expected a task message as Celery writes it, JSON with headers, properties and a body; somebody put something else there";

/**
 * Decodes a Celery message of protocol 2, or 1.
 *
 * Only `task` and `id` must be there; the rest has defaults, as in a Python worker.
 *
 * @throws {TidingsError} MESSAGE_INVALID when headers or body do not have the shape of the protocol.
 * @throws {TidingsError} MESSAGE_NOT_JSON when the body is to be JSON, and is not.
 * @throws {TidingsError} MESSAGE_NOT_ACCEPTED for pickle and other formats that are not read.
 * @throws {TidingsError} MESSAGE_TOO_LARGE for a body beyond `maxBytes`.
 */
export function decodeMessage(message: EncodedMessage, options: DecodeOptions = {}): TaskMessage {
  if (message.headers === null) throw new TidingsError("MESSAGE_INVALID", NO_MESSAGE);
  if (!isRecord(message.headers)) throw invalid("headers", "an object", message.headers);
  const body = readBody(message, message.headers, options);
  const { properties } = message;
  return isProtocol1(message.headers) && isRecord(body)
    ? toCall(
        toProtocol2(body),
        [body["args"] ?? [], body["kwargs"] ?? {}, toEmbed(body)],
        properties,
      )
    : toCall(message.headers, body, properties);
}

/** "Presence of `task` in headers is how a worker tells v2 from v1." */
export function isProtocol1(headers: unknown): boolean {
  return isRecord(headers) && headers["task"] === undefined;
}

/** Of a message of protocol 1 everything is in the body. */
function toProtocol2(body: Headers): Headers {
  const { task, id, retries, eta, expires, taskset, timelimit } = body;
  return { task, id, retries, eta, expires, group: taskset, timelimit };
}

function toEmbed({ callbacks, errbacks, chord }: Headers): MessageEmbed {
  return { callbacks, errbacks, chord };
}

type Headers = Readonly<Record<string, unknown>>;

function toCall(headers: Headers, body: unknown, properties: MessageProperties): TaskMessage {
  const id = toText(headers["id"], "header id");
  const task = toText(headers["task"], "header task");
  const [args, kwargs, embed] = toBodyParts(body);
  return {
    id,
    task,
    args,
    kwargs,
    embed,
    retries: toCount(headers["retries"] ?? 0),
    eta: toTime(headers["eta"], "header eta"),
    expires: toTime(headers["expires"], "header expires"),
    rootId: toOptionalText(headers["root_id"], "header root_id") ?? id,
    parentId: toOptionalText(headers["parent_id"], "header parent_id"),
    group: toOptionalText(headers["group"], "header group"),
    groupIndex: toOptionalNumber(headers["group_index"]),
    origin: toOptionalText(headers["origin"], "header origin"),
    shadow: toOptionalText(headers["shadow"], "header shadow"),
    timeLimits: toTimeLimits(headers["timelimit"]),
    ignoreResult: headers["ignore_result"] === true,
    // Celery before 5.4 wrote it into the properties.
    replacedTaskNesting:
      toOptionalNumber(
        headers["replaced_task_nesting"] ?? properties.others?.["replaced_task_nesting"],
      ) ?? 0,
    stampedHeaders: toNames(headers["stamped_headers"]),
    stamps: isRecord(headers["stamps"]) ? headers["stamps"] : {},
    headers: toCustomHeaders(headers),
    replyTo: properties.replyTo ?? null,
    priority: properties.priority ?? null,
  };
}

type MessageBody = readonly [
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  embed: MessageEmbed,
];

function readBody(
  message: EncodedMessage,
  { compression }: Headers,
  { accept = ACCEPTED, maxBytes = MAX_BODY_BYTES }: DecodeOptions,
): unknown {
  const { byteLength } = message.body;
  if (byteLength > maxBytes) {
    const expected = `expected the body of a task message to be at most ${maxBytes} bytes`;
    throw new TidingsError("MESSAGE_TOO_LARGE", `${expected}, got ${byteLength}`);
  }
  if (compression === undefined || compression === null) return deserialize(message, accept);
  const body = decompress(message.body, compression, maxBytes);
  return deserialize({ ...message, body }, accept);
}

function toBodyParts(body: unknown): MessageBody {
  if (!Array.isArray(body) || body.length !== 3) {
    throw invalid("body", "a list of arguments, keyword arguments and embed", body);
  }
  const [args, kwargs, embed]: readonly unknown[] = body;
  if (!Array.isArray(args)) throw invalid("arguments", "a list", args);
  if (!isRecord(kwargs)) throw invalid("keyword arguments", "an object", kwargs);
  if (embed !== null && !isRecord(embed)) throw invalid("embed", "an object or null", embed);
  return [args, kwargs, embed ?? {}];
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

function toOptionalNumber(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function toNames(value: unknown): readonly string[] | null {
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : null;
}

/** "Seconds or nulls. Hard first." What is neither limits nothing. */
function toTimeLimits(value: unknown): TimeLimits {
  const [hard, soft]: readonly unknown[] = Array.isArray(value) ? value : [];
  return { hardMs: toMs(hard), softMs: toMs(soft) };
}

function toMs(seconds: unknown): number | null {
  return typeof seconds === "number" && seconds > 0 ? seconds * 1_000 : null;
}

/** The headers of the protocol; all others are the caller's. */
export const PROTOCOL_HEADERS: ReadonlySet<string> = new Set([
  "lang",
  "task",
  "id",
  "shadow",
  "eta",
  "expires",
  "group",
  "group_index",
  "retries",
  "timelimit",
  "root_id",
  "parent_id",
  "argsrepr",
  "kwargsrepr",
  "origin",
  "ignore_result",
  "replaced_task_nesting",
  "stamped_headers",
  "stamps",
  "compression",
  "redelivered",
]);

function toCustomHeaders(headers: Headers): Headers {
  const names = Object.keys(headers).filter((name) => !PROTOCOL_HEADERS.has(name));
  if (names.length === 0) return {};
  return Object.fromEntries(names.map((name) => [name, headers[name]]));
}

function toTime(value: unknown, what: string): number | null {
  const text = toOptionalText(value, what);
  if (text === null) return null;
  const time = parseIsoTime(text);
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
