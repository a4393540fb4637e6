/** Opcode 1 with FIN set: a whole text message (RFC 6455 §5.2). */
const FINAL_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/**
 * Frames a text message as a server sends it: whole, unmasked, uncompressed.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-5.2
 */
export function frameText(text: string): Uint8Array {
  const payload = new TextEncoder().encode(text);
  const header = frameHeader(payload.length);
  const frame = new Uint8Array(header.length + payload.length);
  frame.set(header);
  frame.set(payload, header.length);
  return frame;
}

function frameHeader(length: number): Uint8Array {
  if (length < LENGTH_16) return Uint8Array.of(FINAL_TEXT, length);
  const view = new DataView(new ArrayBuffer(length < 65_536 ? 4 : 10));
  view.setUint8(0, FINAL_TEXT);
  if (length < 65_536) {
    view.setUint8(1, LENGTH_16);
    view.setUint16(2, length);
  } else {
    view.setUint8(1, LENGTH_64);
    view.setBigUint64(2, BigInt(length));
  }
  return new Uint8Array(view.buffer);
}
