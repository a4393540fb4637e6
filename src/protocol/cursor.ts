import { invalidOption } from "../core/options.ts";

/** A place in a feed: an epoch in which offsets count up, and how many events it has seen. */
export interface Position {
  /** 1 to 64 letters, digits, `-` and `_`. */
  readonly epoch: string;
  /** A whole number below 10^15. */
  readonly offset: number;
}

/** Longer than any cursor of ours; a longer one is not looked at. */
const MAX_CURSOR_LENGTH = 256;
/** Every character may stand in a path, a query, a header and an `ETag` as it is. */
const CURSOR = /^([\w-]{1,64})\.(0|[1-9]\d{0,14})$/;

/**
 * Writes a position as the opaque, URL-safe text that clients hand back.
 *
 * @throws {TidingsError} OPTION_INVALID when the position is none that {@link parseCursor} reads.
 */
export function formatCursor({ epoch, offset }: Position): string {
  const cursor = `${epoch}.${offset}`;
  if (CURSOR.test(cursor)) return cursor;
  throw invalidOption("position", "an epoch of 1 to 64 URL-safe characters and an offset", cursor);
}

/** Reads a cursor; `undefined` when it is none of ours. There is one cursor for each position. */
export function parseCursor(text: string): Position | undefined {
  if (text.length > MAX_CURSOR_LENGTH) return undefined;
  const [, epoch, offset] = CURSOR.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}
