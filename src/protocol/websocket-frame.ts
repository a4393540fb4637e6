import { TidingsError } from "../core/errors.ts";
import { invalidOption } from "../core/options.ts";

/** FIN set, as every frame of ours is a whole message, and the opcode (RFC 6455 §5.2). */
const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;
const FINAL_CLOSE = 0x88;
const FINAL_PING = 0x89;
const FINAL_PONG = 0x8a;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
/** "All control frames MUST have a payload length of 125 bytes or less" (§5.5); two are the code. */
const MAX_REASON_BYTES = 123;

const encoder = new TextEncoder();

/**
 * Frames a text message as a server sends it: whole, unmasked, uncompressed.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-5.2
 */
export function frameText(text: string): Uint8Array {
  return frame(FINAL_TEXT, encoder.encode(text));
}

/** Frames a binary message as a server sends it: whole, unmasked, uncompressed. */
export function frameBinary(bytes: Uint8Array): Uint8Array {
  return frame(FINAL_BINARY, bytes);
}

/**
 * Frames a close as a server sends it; without a code it says nothing of the reason.
 *
 * @throws {TidingsError} OPTION_INVALID when the code may not be sent, MESSAGE_TOO_LARGE when the
 *   reason is longer than 123 bytes.
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-7.4
 */
export function frameClose(code?: number, reason = ""): Uint8Array {
  if (code === undefined) return frame(FINAL_CLOSE, new Uint8Array(0));
  if (!isCloseCode(code)) throw invalidOption("code", "a close code that may be sent", code);
  const text = encoder.encode(reason);
  if (text.length > MAX_REASON_BYTES) {
    throw new TidingsError(
      "MESSAGE_TOO_LARGE",
      `expected a reason of at most ${MAX_REASON_BYTES} bytes, got ${text.length}`,
    );
  }
  const payload = new Uint8Array(2 + text.length);
  new DataView(payload.buffer).setUint16(0, code);
  payload.set(text, 2);
  return frame(FINAL_CLOSE, payload);
}

/** Frames a ping, which asks whether the other side is there. */
export function framePing(): Uint8Array {
  return frame(FINAL_PING, new Uint8Array(0));
}

/** Frames the answer to a ping, with the ping's own payload (§5.5.3). */
export function framePong(payload: Uint8Array): Uint8Array {
  return frame(FINAL_PONG, payload);
}

/**
 * Whether a close frame may carry this code.
 *
 * 1004 to 1006 and 1015 "MUST NOT be set as a status code in a Close control frame" (§7.4.1).
 */
export function isCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const headerLength = frameHeaderLength(payload.length);
  const bytes = new Uint8Array(headerLength + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, opcode);
  if (headerLength === 2) view.setUint8(1, payload.length);
  else if (headerLength === 4) {
    view.setUint8(1, LENGTH_16);
    view.setUint16(2, payload.length);
  } else {
    view.setUint8(1, LENGTH_64);
    view.setBigUint64(2, BigInt(payload.length));
  }
  bytes.set(payload, headerLength);
  return bytes;
}

/** How many bytes precede a payload in an unmasked frame; a client's mask adds four. */
export function frameHeaderLength(payloadLength: number): 2 | 4 | 10 {
  if (payloadLength < LENGTH_16) return 2;
  return payloadLength < 65_536 ? 4 : 10;
}
