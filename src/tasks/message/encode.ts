import { assertJson } from "./json-text.ts";
import type { EncodedMessage, TaskMessage } from "./message.ts";

/**
 * Encodes a call as a Celery message of protocol 2.
 *
 * The headers are those that a Python worker reads, with `lang` telling who wrote them. A Python
 * worker takes the ones that are absent as their defaults.
 *
 * @throws {JsonRefusal} when JSON cannot carry an argument.
 * @see https://docs.celeryq.dev/en/stable/internals/protocol.html
 */
export function encodeMessage(message: TaskMessage): EncodedMessage {
  const { id, args, kwargs, embed } = message;
  assertJson(args, "arguments");
  assertJson(kwargs, "keyword arguments");
  const { callbacks = null, errbacks = null, chain = null, chord = null } = embed;
  return {
    id,
    headers: {
      lang: "js",
      task: message.task,
      id,
      eta: toIsoTime(message.eta),
      expires: toIsoTime(message.expires),
      group: message.group,
      retries: message.retries,
      timelimit: [null, null],
      root_id: message.rootId,
      parent_id: message.parentId,
      origin: message.origin,
      ignore_result: false,
    },
    body: JSON.stringify([args, kwargs, { callbacks, errbacks, chain, chord }]),
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

/** The form that Python's `datetime.fromisoformat` reads in every version: no `Z`, six digits. */
function toIsoTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString().replace("Z", "000+00:00");
}
