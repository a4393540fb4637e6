import { parseIsoTime, toIsoTime } from "./message/iso-time.ts";
import type { Signature } from "./signature.ts";
import type { SendOptions } from "./task.ts";

/** Options of a call as Celery's signatures carry them: snake case, seconds, times as text. */
export type CeleryOptions = Readonly<Record<string, unknown>>;

/** Writes options as Celery reads them. What is not given is not written. */
export function toSignatureOptions(options: SendOptions): CeleryOptions {
  const { countdownMs, eta, expires } = options;
  const written = {
    countdown: countdownMs === undefined ? undefined : countdownMs / 1_000,
    eta: eta && toIsoTime(eta.getTime()),
    expires: expires && toIsoTime(expires.getTime()),
    queue: options.queue,
    task_id: options.taskId,
    link: toSignatureList(options.link),
    link_error: toSignatureList(options.linkError),
  };
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
  const countdown = toNumber(options["countdown"]);
  return {
    countdownMs: countdown === undefined ? undefined : Math.max(countdown, 0) * 1_000,
    eta: countdown === undefined ? toDate(options["eta"]) : undefined,
    expires: toDate(options["expires"]),
    queue: toText(options["queue"]),
    taskId: toText(options["task_id"]),
  };
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
