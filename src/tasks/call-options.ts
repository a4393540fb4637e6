import { assertDuration, invalidOption } from "../core/options.ts";
import type { Compression } from "./message/compression.ts";
import { PROTOCOL_HEADERS } from "./message/decode.ts";
import { toJsonText } from "./message/json-text.ts";
import { toMessageFormat } from "./message/message-format.ts";
import type { Serializer } from "./message/serializer.ts";
import { assertPriority, type Priority } from "./priority.ts";
import { assertPublishRetry, type PublishRetry } from "./publish-retry.ts";
import { assertTimeLimits, type TimeLimitOptions } from "./worker/time-limits.ts";

/** How calls of a task are sent. A call says it, or its task, or else a route; the first that does decides. */
export interface CallOptions extends TimeLimitOptions, PublishRetry {
  /** The queue they wait in. @default the default queue */
  readonly queue?: string | undefined;
  /** The exchange that finds the queues, instead of a queue. Of Redis and AMQP. */
  readonly exchange?: string | undefined;
  /** What the exchange finds the queues by. @default "" */
  readonly routingKey?: string | undefined;
  /** Which come first: a word, or a number as the broker counts. On Redis 0 is first and 9 last, on RabbitMQ 0 is last. */
  readonly priority?: Priority | undefined;
  /** JSON values that the task finds in its message. At most 65,536 bytes. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  /** How long after sending they are worth running; later they are revoked. @default for ever */
  readonly expiresInMs?: number | undefined;
  /** Whether nobody asks what becomes of them: nothing is recorded then. @default false */
  readonly ignoreResult?: boolean | undefined;
  /** How arguments are written. @default as the tasks have it */
  readonly serializer?: Serializer | undefined;
  /** How they are compressed. @default as the tasks have it */
  readonly compression?: Compression | undefined;
}

const MAX_NAME_LENGTH = 255;
const MAX_HEADERS_BYTES = 65_536;

/**
 * Throws when something makes no sense.
 *
 * @throws {TidingsError} OPTION_INVALID
 */
export function assertCallOptions(options: CallOptions): void {
  assertDestination(options);
  const { priority, headers, expiresInMs, ignoreResult, serializer, compression } = options;
  if (priority !== undefined) assertPriority("priority", priority);
  if (headers !== undefined) assertHeaders(headers);
  if (expiresInMs !== undefined) assertDuration("expiresInMs", expiresInMs);
  assertTimeLimits(options);
  if (ignoreResult !== undefined && typeof ignoreResult !== "boolean") {
    throw invalidOption("ignoreResult", "a boolean", ignoreResult);
  }
  toMessageFormat({ serializer, compression });
  assertPublishRetry(options);
}

const DESTINATION = ["queue", "exchange", "routingKey"] as const;

/**
 * Returns options, and for what they do not say the defaults.
 *
 * Where a message goes is one thing: whoever names a queue or an exchange says all of it.
 */
export function withDefaults<T extends CallOptions>(options: T, defaults: CallOptions): T;
export function withDefaults(options: CallOptions, defaults: CallOptions): CallOptions {
  const entries = Object.entries(options);
  if (entries.length === 0) return defaults;
  const merged: Record<string, unknown> = { ...defaults };
  if (options.queue !== undefined || options.exchange !== undefined) {
    for (const name of DESTINATION) delete merged[name];
  }
  for (const [name, value] of entries) {
    if (value !== undefined) merged[name] = value;
  }
  return merged;
}

/** Throws OPTION_INVALID unless an option is text of 1 to 255 characters. */
export function assertText(name: string, value: unknown): void {
  if (typeof value === "string" && value.trim() !== "" && value.length <= MAX_NAME_LENGTH) return;
  throw invalidOption(name, `text of 1 to ${MAX_NAME_LENGTH} characters`, value);
}

function assertDestination({ queue, exchange, routingKey }: CallOptions): void {
  if (queue !== undefined) assertText("queue", queue);
  if (exchange !== undefined) assertText("exchange", exchange);
  if (exchange !== undefined && queue !== undefined) {
    throw invalidOption("exchange", "absent when `queue` is given", exchange);
  }
  if (routingKey === undefined) return;
  if (typeof routingKey !== "string" || routingKey.length > MAX_NAME_LENGTH) {
    throw invalidOption("routingKey", `text of at most ${MAX_NAME_LENGTH} characters`, routingKey);
  }
  if (exchange === undefined) {
    throw invalidOption("routingKey", "absent unless `exchange` is given", routingKey);
  }
}

function assertHeaders(headers: unknown): void {
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    throw invalidOption("headers", "an object", headers);
  }
  const taken = Object.keys(headers).find((name) => PROTOCOL_HEADERS.has(name));
  if (taken !== undefined) {
    throw invalidOption("headers", "free of the names that the protocol uses itself", taken);
  }
  const bytes = Buffer.byteLength(toHeadersText(headers));
  if (bytes > MAX_HEADERS_BYTES) {
    throw invalidOption("headers", `at most ${MAX_HEADERS_BYTES} bytes of JSON`, bytes);
  }
}

function toHeadersText(headers: object): string {
  try {
    return toJsonText(headers, "headers");
  } catch (error) {
    // What it says is where, and never what.
    throw invalidOption("headers", "made of JSON values", Error.isError(error) && error.message);
  }
}
