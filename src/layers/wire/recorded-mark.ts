/** What a marked message begins with, before the name of the group. */
const MARK = "tidings.recorded:";
const JSON_START = `{"type": "${MARK}`;
/** The text `type` in msgpack. */
const TYPE_KEY = Buffer.from("\u00a4type", "latin1");

/**
 * Marks an encoded message as one that is in the history of a group too.
 *
 * The mark is a first `type`, before the message's own: of two fields with one name the later one counts,
 * in Python's msgpack and json as in ours, so that whoever does not know the mark sees the plain message.
 */
export function writeMark(bytes: Uint8Array, group: string): Buffer {
  const text = MARK + group;
  if (bytes[0] === 0x7b) {
    const rest = Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1);
    return Buffer.concat([Buffer.from(`{"type": "${text}", `), rest]);
  }
  const { size, start } = readMapHead(bytes);
  const head = Buffer.alloc(5);
  head[0] = 0xdf;
  head.writeUInt32BE(size + 1, 1);
  const length = Buffer.from([0xd9, text.length]);
  return Buffer.concat([head, TYPE_KEY, length, Buffer.from(text), bytes.subarray(start)]);
}

/** The group that an encoded message is marked with. */
export function readMark(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0] === 0x7b) {
    if (buffer.toString("latin1", 0, JSON_START.length) !== JSON_START) return undefined;
    return buffer.toString("latin1", JSON_START.length, buffer.indexOf('"', JSON_START.length));
  }
  // Only what we write has this head for so few fields.
  if (bytes[0] !== 0xdf || buffer.indexOf(TYPE_KEY) !== 5) return undefined;
  const start = 5 + TYPE_KEY.length + 2;
  const text = buffer.toString("latin1", start, start + (buffer[start - 1] ?? 0));
  return text.startsWith(MARK) ? text.slice(MARK.length) : undefined;
}

/** How many fields a msgpack map has, and where the first one begins. */
function readMapHead(bytes: Uint8Array): { readonly size: number; readonly start: number } {
  const [head = 0] = bytes;
  if (head < 0xde) return { size: head & 0x0f, start: 1 };
  const width = head === 0xde ? 2 : 4;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { size: buffer.readUIntBE(1, width), start: 1 + width };
}
