import { TidingsError } from "../../core/errors.ts";
import { isRecord } from "../../core/is-record.ts";
import { compress } from "./compression.ts";
import { decodeMessage, isProtocol1 } from "./decode.ts";
import { toIsoTime } from "./iso-time.ts";
import type { MessageFormat } from "./message-format.ts";
import type { EncodedMessage, OutgoingMessage, TimeLimits } from "./message.ts";
import { pythonRepr, tupleRepr } from "./python-repr.ts";
import { serialize } from "./serializer.ts";

/** What is different in the next try of a message. */
export interface NextTry {
  readonly retries: number;
  readonly eta: number;
  /** @default those of this try */
  readonly args?: readonly unknown[] | undefined;
  /** @default those of this try */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
}

/** How to encode a message. */
export interface EncodeOptions extends Omit<MessageFormat, "accept"> {
  /** The bound of the body, before it is compressed. @default none */
  readonly maxBytes?: number | undefined;
}

/**
 * Encodes a call as a Celery message of protocol 2.
 *
 * Every header that Celery writes is there, in its order, with `lang` telling who wrote it. The names of
 * these headers are the protocol's: custom ones of the same name are left out.
 *
 * @throws {JsonRefusal} when an argument cannot be carried.
 * @throws {TidingsError} TASK_TOO_LARGE when the body exceeds `maxBytes`.
 * @see https://docs.celeryq.dev/en/stable/internals/protocol.html
 */
export function encodeMessage(
  message: OutgoingMessage,
  { serializer = "json", compression, maxBytes = Infinity, typedValues }: EncodeOptions = {},
): EncodedMessage {
  const { id, args = [], kwargs = {}, embed = {}, expires = null } = message;
  const { callbacks = null, errbacks = null, chain = null, chord = null } = embed;
  const serialized = serialize(
    [
      ["arguments", args],
      ["keyword arguments", kwargs],
      ["embed", { callbacks, errbacks, chain, chord }],
    ],
    serializer,
    { typedValues },
  );
  assertSize(message.task, serialized.body.byteLength, maxBytes);
  const compressed = compression && compress(serialized.body, compression);
  const headers = toHeaders(message);
  return {
    ...serialized,
    id,
    headers: compressed ? { ...headers, compression: compressed.header } : headers,
    body: compressed?.bytes ?? serialized.body,
    properties: {
      correlationId: id,
      replyTo: message.replyTo ?? undefined,
      deliveryMode: 2,
      priority: message.priority ?? 0,
      // "past: 0".
      expiration: expires === null ? undefined : String(Math.max(0, expires - Date.now())),
    },
  };
}

/**
 * Encodes the next try of a message: the same call under the same id.
 *
 * Headers that we do not know are handed on. "parent_id: on a retry its own id", as Celery does. A message
 * of protocol 1 goes on in protocol 2: it has no headers that could say so.
 *
 * @throws {JsonRefusal} when an argument cannot be carried.
 * @throws {TidingsError} TASK_TOO_LARGE when the body exceeds `maxBytes`.
 */
export function encodeRetry(
  message: EncodedMessage,
  { retries, eta, args, kwargs }: NextTry,
  options: EncodeOptions & Pick<MessageFormat, "accept"> = {},
): EncodedMessage {
  if (args || kwargs) {
    const call = decodeMessage(message, options);
    const changed = { ...call, args: args ?? call.args, kwargs: kwargs ?? call.kwargs };
    const encoded = encodeMessage({ ...changed, retries, eta, parentId: message.id }, options);
    return { ...encoded, properties: { ...message.properties, ...encoded.properties } };
  }
  if (isProtocol1(message.headers)) {
    return encodeMessage({ ...decodeMessage(message), retries, eta, parentId: message.id });
  }
  const headers = typeof message.headers === "object" ? message.headers : {};
  return {
    ...message,
    headers: { ...headers, retries, eta: toIsoTime(eta), parent_id: message.id },
  };
}

/**
 * Encodes a message that is to be tried as if for the first time. What is no call is left as it is.
 */
export function encodeRedrive(message: EncodedMessage): EncodedMessage {
  const { headers } = message;
  if (!isRecord(headers) || !headers["retries"]) return message;
  return { ...message, headers: { ...headers, retries: 0 } };
}

function assertSize(task: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new TidingsError(
    "TASK_TOO_LARGE",
    `task ${task} cannot be sent: expected arguments of at most ${maxBytes} bytes of JSON, got ${bytes}; store them elsewhere and send where`,
  );
}

function toHeaders(message: OutgoingMessage): Readonly<Record<string, unknown>> {
  const { id, task, retries = 0, rootId = id, parentId = null, origin = null } = message;
  const { stampedHeaders = null, stamps = {}, headers = {} } = message;
  return {
    ...headers,
    lang: "js",
    task,
    id,
    shadow: message.shadow ?? null,
    eta: toTimeHeader(message.eta),
    expires: toTimeHeader(message.expires),
    group: message.group ?? null,
    group_index: message.groupIndex ?? null,
    retries,
    timelimit: toSeconds(message.timeLimits),
    root_id: rootId,
    parent_id: parentId,
    argsrepr: tupleRepr(message.args ?? []),
    kwargsrepr: pythonRepr(message.kwargs ?? {}),
    origin,
    ignore_result: message.ignoreResult ?? false,
    replaced_task_nesting: message.replacedTaskNesting ?? 0,
    stamped_headers: stampedHeaders,
    stamps,
  };
}

/** "Seconds or nulls. Hard first." */
function toSeconds(limits: TimeLimits | undefined): readonly (number | null)[] {
  return [limits?.hardMs ?? null, limits?.softMs ?? null].map((ms) => ms && ms / 1_000);
}

function toTimeHeader(time: number | null | undefined): string | null {
  return time === null || time === undefined ? null : toIsoTime(time);
}
