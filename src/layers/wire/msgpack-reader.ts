import { isUtf8 } from "node:buffer";

import { TidingsError } from "../../core/errors.ts";
import type { LayerValue } from "../layer.ts";

/** Deeper than any real message. */
const MAX_DEPTH = 64;

/**
 * Reads one MessagePack value, frozen, and refuses what a message cannot hold.
 *
 * Ours and not a library's, because what a stranger wrote must cost no more than its bytes: a length
 * is checked against what is left before anything is made for it, nesting has a bound, every key must
 * be text, and `__proto__` is a key as any other. Extension types are refused.
 *
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export class MsgpackReader {
  /** Whether bytes were among the values; they cannot be frozen. */
  hasBytes = false;
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @throws {TidingsError} LAYER_INVALID_MESSAGE saying what is wrong with the bytes. */
  read(): LayerValue {
    const value = this.#value(0);
    if (this.#at !== this.#buffer.length) throw malformed("bytes follow the message");
    return value;
  }

  #value(depth: number): LayerValue {
    const head = this.#uint(1);
    if (head <= 0x7f) return head;
    if (head <= 0x8f) return this.#map(head & 0x0f, depth);
    if (head <= 0x9f) return this.#array(head & 0x0f, depth);
    if (head <= 0xbf) return this.#text(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    return this.#tagged(head, depth);
  }

  #tagged(head: number, depth: number): LayerValue {
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#bytes(this.#uint(1 << (head - 0xc4)));
      case 0xca:
        return this.#buffer.readFloatBE(this.#take(4));
      case 0xcb:
        return this.#buffer.readDoubleBE(this.#take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (head - 0xcc));
      case 0xcf:
        return toInteger(this.#buffer.readBigUInt64BE(this.#take(8)));
      case 0xd0:
        return this.#buffer.readInt8(this.#take(1));
      case 0xd1:
        return this.#buffer.readInt16BE(this.#take(2));
      case 0xd2:
        return this.#buffer.readInt32BE(this.#take(4));
      case 0xd3:
        return toInteger(this.#buffer.readBigInt64BE(this.#take(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(1 << (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(2 << (head - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(2 << (head - 0xde)), depth);
      default:
        throw malformed("extension types are not supported");
    }
  }

  #array(size: number, depth: number): LayerValue {
    this.#enter(size, depth);
    const items: LayerValue[] = [];
    for (let index = 0; index < size; index++) items.push(this.#value(depth + 1));
    return Object.freeze(items);
  }

  #map(size: number, depth: number): LayerValue {
    this.#enter(size, depth);
    const map: Record<string, LayerValue> = {};
    for (let index = 0; index < size; index++) {
      const key = this.#value(MAX_DEPTH);
      if (typeof key !== "string") throw malformed("a key of a map is not text");
      const value = this.#value(depth + 1);
      // A plain assignment to "__proto__" would change the prototype instead of adding a field.
      if (key === "__proto__") {
        Object.defineProperty(map, key, { value, enumerable: true, configurable: true });
      } else map[key] = value;
    }
    return Object.freeze(map);
  }

  #enter(size: number, depth: number): void {
    if (depth >= MAX_DEPTH) throw malformed(`nested deeper than ${MAX_DEPTH} levels`);
    if (size > this.#buffer.length - this.#at) throw malformed("it ends too early");
  }

  #text(length: number): string {
    const start = this.#take(length);
    const text = this.#buffer.toString("utf8", start, this.#at);
    // Only a text with the replacement character can have been read from what is not UTF-8.
    if (text.includes("\uFFFD") && !isUtf8(this.#buffer.subarray(start, this.#at))) {
      throw malformed("a text is not UTF-8");
    }
    return text;
  }

  #bytes(length: number): Uint8Array {
    this.hasBytes = true;
    const start = this.#take(length);
    return Uint8Array.from(this.#buffer.subarray(start, this.#at));
  }

  #uint(length: number): number {
    const start = this.#take(length);
    return length === 1 ? (this.#buffer[start] ?? 0) : this.#buffer.readUIntBE(start, length);
  }

  /** Moves on, and returns where the bytes moved over begin. */
  #take(length: number): number {
    const start = this.#at;
    if (length > this.#buffer.length - start) throw malformed("it ends too early");
    this.#at = start + length;
    return start;
  }
}

/** A number when a double holds it exactly, as Python has one kind of integer only. */
function toInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function malformed(why: string): TidingsError {
  return new TidingsError("LAYER_INVALID_MESSAGE", `a message is not valid msgpack: ${why}`);
}
