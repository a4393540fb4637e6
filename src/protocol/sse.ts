import { invalidOption } from "../core/options.ts";

/** The fields of an event in an event stream. */
export interface SseFields {
  /** Comes back as `Last-Event-ID`. Without CR, LF and NUL. */
  readonly id?: string | undefined;
  /** The event's type; without it, `message`. Without CR and LF. */
  readonly event?: string | undefined;
  /** How long a client is to wait before it comes back, in whole milliseconds. */
  readonly retryMs?: number | undefined;
  /** Any text. Its line ends, CR LF and CR and LF alike, arrive as LF. */
  readonly data: string;
}

const LINE_END = /\r\n|\r|\n/;

/**
 * Writes an event for an event stream.
 *
 * A space follows each colon, because the parser takes one away; each line of the data is a field of
 * its own, because a line end would otherwise end the field.
 *
 * @throws {TidingsError} OPTION_INVALID when the id or the type would begin another field, the id
 *   holds a NUL (for which clients ignore it), or the wait is no whole number.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function formatSseEvent({ id, event, retryMs, data }: SseFields): string {
  let fields = "";
  if (id !== undefined) fields += `id: ${assertField("id", id)}\n`;
  if (event !== undefined) fields += `event: ${assertField("event", event)}\n`;
  if (retryMs !== undefined) fields += `retry: ${assertWholeMs(retryMs)}\n`;
  for (const line of data.split(LINE_END)) fields += `data: ${line}\n`;
  return `${fields}\n`;
}

/** Writes a comment, which clients ignore and proxies count as life. */
export function formatSseComment(text: string): string {
  return `${text
    .split(LINE_END)
    .map((line) => `: ${line}\n`)
    .join("")}\n`;
}

function assertField(name: string, value: string): string {
  if (!/[\r\n\0]/.test(value)) return value;
  throw invalidOption(name, "text without CR, LF and NUL", value);
}

function assertWholeMs(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidOption("retryMs", "a whole number of milliseconds, 0 or more", value);
}
