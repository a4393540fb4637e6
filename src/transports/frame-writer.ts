import { TidingsError } from "../core/errors.ts";
import { invalidOption } from "../core/options.ts";
import { frameHeaderLength, isCloseCode } from "../protocol/index.ts";

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

/**
 * Frames a text message as a server sends it: whole, unmasked, uncompressed.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-5.2
 */
export function frameText(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const bytes = startFrame(FINAL_TEXT, length);
  bytes.write(text, bytes.length - length);
  return bytes;
}

/** Frames a binary message as a server sends it: whole, unmasked, uncompressed. */
export function frameBinary(bytes: Uint8Array): Buffer {
  return frame(FINAL_BINARY, bytes);
}

/**
 * Frames a close as a server sends it; without a code it says nothing of the reason.
 *
 * @throws {TidingsError} OPTION_INVALID when the code may not be sent, MESSAGE_TOO_LARGE when the
 *   reason is longer than 123 bytes.
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-7.4
 */
export function frameClose(code?: number, reason = ""): Buffer {
  if (code === undefined) return startFrame(FINAL_CLOSE, 0);
  if (!isCloseCode(code)) throw invalidOption("code", "a close code that may be sent", code);
  const length = Buffer.byteLength(reason);
  if (length > MAX_REASON_BYTES) {
    throw new TidingsError(
      "MESSAGE_TOO_LARGE",
      `expected a reason of at most ${MAX_REASON_BYTES} bytes, got ${length}`,
    );
  }
  const bytes = startFrame(FINAL_CLOSE, 2 + length);
  bytes.write(reason, bytes.writeUInt16BE(code, 2));
  return bytes;
}

/** Frames a ping, which asks whether the other side is there. */
export function framePing(): Buffer {
  return startFrame(FINAL_PING, 0);
}

/** Frames the answer to a ping, with the ping's own payload (§5.5.3). */
export function framePong(payload: Uint8Array): Buffer {
  return frame(FINAL_PONG, payload);
}

function frame(opcode: number, payload: Uint8Array): Buffer {
  const bytes = startFrame(opcode, payload.length);
  bytes.set(payload, bytes.length - payload.length);
  return bytes;
}

/** A frame without its payload, which belongs at the end. */
function startFrame(opcode: number, length: number): Buffer {
  const headerLength = frameHeaderLength(length);
  const bytes = Buffer.allocUnsafe(headerLength + length);
  bytes[0] = opcode;
  if (headerLength === 2) bytes[1] = length;
  else if (headerLength === 4) {
    bytes[1] = LENGTH_16;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = LENGTH_64;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  return bytes;
}
