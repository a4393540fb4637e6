/**
 * Makes an encoder that encodes a value once, however many connections it goes to.
 *
 * Everybody is handed the very same object, one right after the other, so it is enough to remember
 * the last one. Values must not change afterwards.
 */
export function encodeOnce<TValue extends object>(
  encode: (value: TValue) => string | Uint8Array,
): (value: TValue) => Uint8Array {
  let last: TValue | undefined;
  let bytes: Uint8Array = Buffer.alloc(0);
  return (value) => {
    if (value !== last) {
      bytes = toBuffer(encode(value));
      last = value;
    }
    return bytes;
  };
}

/** A stream would make a `Buffer` of every other `Uint8Array`, for each connection anew. */
function toBuffer(encoded: string | Uint8Array): Buffer {
  if (typeof encoded === "string") return Buffer.from(encoded);
  return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
}
