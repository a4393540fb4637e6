/**
 * Makes an encoder that encodes a value once, however many connections it goes to.
 *
 * Everybody is handed the very same object, one right after the other, so it is enough to remember
 * the last one. Values must not change afterwards.
 */
export function encodeOnce<TValue extends object>(
  encode: (value: TValue) => string | Buffer,
): (value: TValue) => Buffer {
  let last: TValue | undefined;
  let bytes: Buffer = Buffer.alloc(0);
  return (value) => {
    if (value !== last) {
      const encoded = encode(value);
      bytes = typeof encoded === "string" ? Buffer.from(encoded) : encoded;
      last = value;
    }
    return bytes;
  };
}
