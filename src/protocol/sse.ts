/** The fields of an event in an event stream. */
export interface SseFields {
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  readonly data: string;
}
const LINE_END = /\r\n|\r|\n/;
/** Writes an event for an event stream. */
export function formatSseEvent({ id, event, data }: SseFields): string {
  const lines = data.split(LINE_END).map((line) => `data: ${line}\n`);
  return `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}${lines.join("")}\n`;
}
/** Writes a comment, which clients ignore and proxies count as life. */
export function formatSseComment(text: string): string {
  return `: ${text}\n\n`;
}
