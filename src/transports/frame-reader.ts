import { isUtf8 } from "node:buffer";

import { isCloseCode } from "../protocol/index.ts";

/** Told of what a client sends. */
export interface FrameHandler {
  /** A whole message: text is a string. */
  onMessage(data: string | Uint8Array): void;
  onPing(payload: Uint8Array): void;
  onPong(): void;
  /** The client closes; 1005 when it does not say why. Nothing follows. */
  onCloseFrame(code: number, reason: string): void;
  /** What came breaks a rule; the connection is to be closed with this code. Nothing follows. */
  onViolation(code: number, reason: string): void;
}

/** What bounds a client's messages. */
export interface FrameLimits {
  /** The largest message; a larger one is a violation with 1009. */
  readonly maxMessageBytes: number;
  /** In how many frames a message may come; more are a violation with 1008. */
  readonly maxFragments: number;
}

/** Opcodes of RFC 6455 §5.2. */
const CONTINUATION = 0x0;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
/** "All control frames MUST have a payload length of 125 bytes or less" (§5.5). */
const MAX_CONTROL_BYTES = 125;
const MASK_BYTES = 4;

/** Close codes of §7.4.1. */
const PROTOCOL_ERROR = 1002;
const NO_STATUS = 1005;
const INVALID_PAYLOAD = 1007;
const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;

/** What a rule-breaking client is told. */
interface Violation {
  readonly code: number;
  readonly reason: string;
}

/** A frame whose payload has not all arrived. */
interface Unfinished {
  /** Its first byte: FIN and the opcode. */
  readonly first: number;
  readonly mask: number;
  readonly payload: Buffer;
  filled: number;
}

/** A message whose last frame has not arrived. */
interface Fragments {
  readonly opcode: number;
  readonly payloads: Buffer[];
  bytes: number;
}

/**
 * Reads the frames of one client, however they are cut into pieces, and puts its messages together.
 *
 * Bound: one message and one header. What is not under way is not kept: most connections are idle,
 * and there are many.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-5
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #limits: FrameLimits;
  /** The beginning of a frame, whose header has not all arrived. */
  #head: Buffer | undefined;
  #unfinished: Unfinished | undefined;
  #fragments: Fragments | undefined;
  #isOver = false;

  constructor(handler: FrameHandler, limits: FrameLimits) {
    this.#handler = handler;
    this.#limits = limits;
  }

  /** Takes what has arrived; it may be changed, and parts of it become messages. */
  read(chunk: Buffer): void {
    if (this.#isOver) return;
    const bytes = this.#head ? Buffer.concat([this.#head, chunk]) : chunk;
    this.#head = undefined;
    let start = this.#unfinished ? this.#fill(this.#unfinished, bytes, 0) : 0;
    while (start < bytes.length && !this.#isOver) start = this.#readFrame(bytes, start);
  }

  /** Reads the frame that begins at `start`; returns where the next one does. */
  #readFrame(bytes: Buffer, start: number): number {
    const first = bytes[start] ?? 0;
    const second = bytes[start + 1] ?? 0;
    const maskStart = start + 2 + extendedLengthBytes(second);
    // One without a mask is refused as soon as its length is there: the mask would be waited for in vain.
    const isMasked = (second & 0x80) !== 0;
    const payloadStart = maskStart + (isMasked ? MASK_BYTES : 0);
    // Without its second byte the frame is too short in any case.
    if (payloadStart > bytes.length) {
      this.#head = Buffer.from(bytes.subarray(start));
      return bytes.length;
    }
    const length = payloadLength(bytes, start + 1);
    const violation = this.#check(first, second, length);
    if (violation) {
      this.#violate(violation);
      return bytes.length;
    }
    const mask = bytes.readUInt32LE(maskStart);
    const end = payloadStart + length;
    if (end > bytes.length) {
      this.#unfinished = { first, mask, payload: Buffer.allocUnsafe(length), filled: 0 };
      return this.#fill(this.#unfinished, bytes, payloadStart);
    }
    this.#take(first, mask, bytes.subarray(payloadStart, end));
    return end;
  }

  /** Adds what belongs to the frame that is under way; returns where the next one begins. */
  #fill(unfinished: Unfinished, bytes: Buffer, start: number): number {
    const { first, mask, payload, filled } = unfinished;
    const count = bytes.copy(payload, filled, start);
    unfinished.filled += count;
    if (unfinished.filled < payload.length) return bytes.length;
    this.#unfinished = undefined;
    this.#take(first, mask, payload);
    return start + count;
  }

  #check(first: number, second: number, length: number): Violation | undefined {
    const opcode = first & 0x0f;
    if ((first & 0x70) !== 0) return protocolError("a reserved bit is set");
    // "a server MUST close the connection upon receiving a frame that is not masked" (§5.1)
    if ((second & 0x80) === 0) return protocolError("a frame is not masked");
    if (opcode >= CLOSE) {
      if (opcode > PONG) return protocolError("an opcode is not known");
      if ((first & 0x80) === 0) return protocolError("a control frame is fragmented");
      // In the longer forms of a length too: "the minimal number of bytes MUST be used" (§5.2).
      const isLong = (second & 0x7f) > MAX_CONTROL_BYTES;
      return isLong ? protocolError("a control frame is too long") : undefined;
    }
    if (opcode > BINARY) return protocolError("an opcode is not known");
    const fragments = this.#fragments;
    if ((opcode === CONTINUATION) !== (fragments !== undefined)) {
      return protocolError("a fragment is out of place");
    }
    const { maxMessageBytes, maxFragments } = this.#limits;
    if ((fragments?.bytes ?? 0) + length > maxMessageBytes) {
      return { code: TOO_BIG, reason: "message too big" };
    }
    if (fragments && fragments.payloads.length >= maxFragments) {
      return { code: POLICY_VIOLATION, reason: "too many fragments" };
    }
    return undefined;
  }

  #violate({ code, reason }: Violation): void {
    this.#isOver = true;
    this.#fragments = undefined;
    this.#handler.onViolation(code, reason);
  }

  /** Takes a frame with its whole payload. */
  #take(first: number, mask: number, payload: Buffer): void {
    unmask(payload, mask);
    const opcode = first & 0x0f;
    if (opcode === PING) this.#handler.onPing(payload);
    else if (opcode === PONG) this.#handler.onPong();
    else if (opcode === CLOSE) this.#takeClose(payload);
    else if ((first & 0x80) !== 0 && opcode !== CONTINUATION) this.#takeMessage(opcode, payload);
    else this.#takeFragment(first, payload);
  }

  #takeFragment(first: number, payload: Buffer): void {
    this.#fragments ??= { opcode: first & 0x0f, payloads: [], bytes: 0 };
    const { opcode, payloads } = this.#fragments;
    // A copy: a small part of what was read would keep all of it.
    payloads.push(Buffer.from(payload));
    this.#fragments.bytes += payload.length;
    if ((first & 0x80) === 0) return;
    this.#fragments = undefined;
    this.#takeMessage(opcode, Buffer.concat(payloads));
  }

  #takeMessage(opcode: number, payload: Buffer): void {
    if (opcode === BINARY) return this.#handler.onMessage(payload);
    const text = toText(payload);
    if (text !== undefined) this.#handler.onMessage(text);
    else this.#violate({ code: INVALID_PAYLOAD, reason: "a text is not UTF-8" });
  }

  #takeClose(payload: Buffer): void {
    this.#isOver = true;
    if (payload.length === 0) return this.#handler.onCloseFrame(NO_STATUS, "");
    const code = payload.length === 1 ? 0 : payload.readUInt16BE(0);
    const reason = toText(payload.subarray(2));
    if (!isCloseCode(code)) this.#violate(protocolError("a close code is not valid"));
    else if (reason === undefined) {
      this.#violate({ code: INVALID_PAYLOAD, reason: "a reason is not UTF-8" });
    } else this.#handler.onCloseFrame(code, reason);
  }
}

/** How many bytes beside the first seven bits tell how long a payload is. */
function extendedLengthBytes(second: number): 0 | 2 | 8 {
  const short = second & 0x7f;
  if (short < 126) return 0;
  return short === 126 ? 2 : 8;
}

function payloadLength(bytes: Buffer, start: number): number {
  const short = (bytes[start] ?? 0) & 0x7f;
  if (short < 126) return short;
  if (short === 126) return bytes.readUInt16BE(start + 1);
  return bytes.readUInt32BE(start + 1) * 2 ** 32 + bytes.readUInt32BE(start + 5);
}

/** §5.3: octet i of the payload is XORed with octet i modulo 4 of the key. */
function unmask(payload: Buffer, mask: number): void {
  for (let index = 0; index < payload.length; index++) {
    payload[index] = (payload[index] ?? 0) ^ (mask >>> ((index & 3) << 3));
  }
}

/** `undefined` when it is not UTF-8. */
function toText(payload: Buffer): string | undefined {
  const text = payload.toString();
  // What is not UTF-8 becomes U+FFFD: without one, there is nothing to look at again.
  return text.includes("\uFFFD") && !isUtf8(payload) ? undefined : text;
}

function protocolError(reason: string): Violation {
  return { code: PROTOCOL_ERROR, reason };
}
