/** A place in a feed: an epoch in which offsets count up, and how many events it has seen. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** Longer than any cursor of ours; a longer one is not parsed. */
const MAX_CURSOR_LENGTH = 256;
const CURSOR = /^([\w-]{1,64})~(\d{1,15})$/;

/** Writes a position as the opaque, URL-safe text that clients hand back. */
export function formatCursor({ epoch, offset }: Position): string {
  return `${epoch}~${offset}`;
}

/** Reads a cursor; `undefined` when it is none of ours. */
export function parseCursor(text: string): Position | undefined {
  if (text.length > MAX_CURSOR_LENGTH) return undefined;
  const [, epoch, offset] = CURSOR.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}
