import { assertJson } from "./json-text.ts";
import type { EncodedMessage, OutgoingMessage, TaskMessage, TimeLimits } from "./message.ts";

/**
 * Encodes a call as a Celery message of protocol 2.
 *
 * Every header that Celery writes is there, in its order, with `lang` telling who wrote it. The names of
 * these headers are the protocol's: custom ones of the same name are left out.
 *
 * @throws {JsonRefusal} when JSON cannot carry an argument.
 * @see https://docs.celeryq.dev/en/stable/internals/protocol.html
 */
export function encodeMessage(message: OutgoingMessage): EncodedMessage {
  const { id, args = [], kwargs = {}, embed = {}, expires = null } = message;
  assertJson(args, "arguments");
  assertJson(kwargs, "keyword arguments");
  const { callbacks = null, errbacks = null, chain = null, chord = null } = embed;
  return {
    id,
    headers: toHeaders(message),
    body: Buffer.from(JSON.stringify([args, kwargs, { callbacks, errbacks, chain, chord }])),
    contentType: "application/json",
    contentEncoding: "utf-8",
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
 * Headers that we do not know are handed on. "parent_id: on a retry its own id", as Celery does.
 */
export function encodeRetry(message: EncodedMessage, retries: number, eta: number): EncodedMessage {
  const headers = typeof message.headers === "object" ? message.headers : {};
  return {
    ...message,
    headers: { ...headers, retries, eta: toIsoTime(eta), parent_id: message.id },
  };
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
    eta: toIsoTime(message.eta ?? null),
    expires: toIsoTime(message.expires ?? null),
    group: message.group ?? null,
    group_index: message.groupIndex ?? null,
    retries,
    timelimit: toSeconds(message.timeLimits),
    root_id: rootId,
    parent_id: parentId,
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

/** The form that Python's `datetime.fromisoformat` reads in every version: no `Z`, six digits. */
function toIsoTime(time: TaskMessage["eta"]): string | null {
  return time === null ? null : new Date(time).toISOString().replace("Z", "000+00:00");
}
