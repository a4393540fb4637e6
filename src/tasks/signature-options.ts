import { isRecord } from "../core/is-record.ts";
import { invalidOption } from "../core/options.ts";
import { COMPRESSIONS } from "./message/compression.ts";
import { parseIsoTime, toIsoTime } from "./message/iso-time.ts";
import { SERIALIZERS } from "./message/serializer.ts";
import type { Signature } from "./signature.ts";
import type { SendOptions } from "./task.ts";

/** Options of a call as Celery's signatures carry them: snake case, seconds, times as text. */
export type CeleryOptions = Readonly<Record<string, unknown>>;

/**
 * Writes options as Celery reads them. What is not given is not written.
 *
 * @throws {TidingsError} OPTION_INVALID for a priority in words: who sends it may know another broker.
 */
export function toSignatureOptions(options: SendOptions): CeleryOptions {
  const { expires, expiresInMs, priority } = options;
  if (typeof priority === "string") {
    throw invalidOption("priority", "a number in a signature", priority);
  }
  const written = {
    countdown: toSeconds(options.countdownMs),
    eta: toTimeText(options.eta),
    expires: expires ? toTimeText(expires) : toSeconds(expiresInMs),
    queue: options.queue,
    exchange: options.exchange,
    routing_key: options.routingKey,
    priority,
    headers: options.headers,
    time_limit: toSeconds(options.timeLimitMs),
    soft_time_limit: toSeconds(options.softTimeLimitMs),
    ignore_result: options.ignoreResult,
    serializer: options.serializer,
    compression: options.compression,
    task_id: options.taskId,
    shadow: options.shadow,
    root_id: options.rootId,
    parent_id: options.parentId,
    group_id: options.groupId,
    group_index: options.groupIndex,
    reply_to: options.replyTo,
    link: toSignatureList(options.link),
    link_error: toSignatureList(options.linkError),
  } satisfies Record<string, unknown>;
  return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined));
}

/** Writes what is sent after a task, as the body of its message carries it. */
export function toSignatureList(
  signatures: Signature | readonly Signature[] | undefined,
): readonly CeleryOptions[] | undefined {
  if (signatures === undefined) return undefined;
  const list = "task" in signatures ? [signatures] : signatures;
  return list.map((signature) => signature.toJSON());
}

/**
 * Reads options that Celery has written, but for what is sent after the task.
 *
 * What is not as it should be counts as not given.
 */
export function fromSignatureOptions(options: CeleryOptions): SendOptions {
  const countdownMs = toMs(options["countdown"]);
  const { headers } = options;
  return {
    ...toDestination(options),
    countdownMs,
    eta: countdownMs === undefined ? toDate(options["eta"]) : undefined,
    expires: toDate(options["expires"]),
    priority: toNumber(options["priority"]),
    headers: isRecord(headers) ? headers : undefined,
    timeLimitMs: toMs(options["time_limit"]),
    softTimeLimitMs: toMs(options["soft_time_limit"]),
    ignoreResult: options["ignore_result"] === true || undefined,
    serializer: SERIALIZERS.find((name) => name === options["serializer"]),
    compression: COMPRESSIONS.find((name) => name === options["compression"]),
    taskId: toText(options["task_id"]),
    shadow: toText(options["shadow"]),
    rootId: toText(options["root_id"]),
    parentId: toText(options["parent_id"]),
    groupId: toText(options["group_id"]),
    groupIndex: toNumber(options["group_index"]),
    replyTo: toText(options["reply_to"]),
  };
}

/** A queue, or an exchange. The routing key of the exchange without a name is a queue. */
function toDestination(options: CeleryOptions): SendOptions {
  const queue = toText(options["queue"]);
  const exchange = toText(options["exchange"]);
  const routingKey = toText(options["routing_key"]);
  if (queue !== undefined) return { queue };
  return exchange === undefined ? { queue: routingKey } : { exchange, routingKey };
}

function toSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000;
}

function toMs(seconds: unknown): number | undefined {
  const number = toNumber(seconds);
  return number === undefined ? undefined : Math.max(Math.round(number * 1_000), 0);
}

function toTimeText(time: Date | undefined): string | undefined {
  return time && toIsoTime(time.getTime());
}

function toText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function toNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** "expires (seconds|datetime)": seconds count from now. */
function toDate(value: unknown): Date | undefined {
  if (value instanceof Date) return value;
  const seconds = toNumber(value);
  if (seconds !== undefined) return new Date(Date.now() + seconds * 1_000);
  const time = parseIsoTime(toText(value) ?? "");
  return Number.isNaN(time) ? undefined : new Date(time);
}
