import { RedisRefusal } from "./redis-errors.ts";
import type { RedisReply } from "./redis.ts";

const MINUS = 0x2d;
const COLON = 0x3a;
const DOLLAR = 0x24;
const STAR = 0x2a;
const PLUS = 0x2b;
const CR = 0x0d;
const ZERO = 0x30;

/** A list whose items are still coming. */
interface OpenList {
  readonly items: RedisReply[];
  missing: number;
  /** An error among them is the error of the whole list. */
  refusal: RedisRefusal | undefined;
}

/**
 * Reads replies from the bytes of a connection, in whatever pieces they come.
 *
 * Texts are views of what came: whoever keeps a small one for long copies it. Bound: the reply that is being read.
 *
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/ RESP2
 */
export class ReplyReader {
  readonly #onReply: (reply: RedisReply | RedisRefusal) => void;
  readonly #lists: OpenList[] = [];
  /** What has come and was not read yet. */
  #pieces: Buffer[] = [];
  #length = 0;
  /** With fewer bytes there is no use in reading on. */
  #needed = 1;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(onReply: (reply: RedisReply | RedisRefusal) => void) {
    this.#onReply = onReply;
  }

  /** Throws when it is no reply of RESP2. */
  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < this.#needed) return;
    this.#bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#length);
    this.#at = 0;
    this.#needed = 0;
    while (this.#at < this.#length && this.#needed === 0) this.#readNext();
    this.#length -= this.#at;
    this.#pieces = this.#length === 0 ? [] : [this.#bytes.subarray(this.#at)];
  }

  /** Reads one value, or the head of a list. When it is not there yet, says how much is needed. */
  #readNext(): void {
    const start = this.#at;
    const end = this.#bytes.indexOf(CR, start + 1);
    if (end === -1 || end + 2 > this.#length) return this.#wait(this.#length - start + 1);
    this.#at = end + 2;
    const kind = this.#bytes[start];
    switch (kind) {
      case DOLLAR:
        return this.#readText(start, this.#toNumber(start + 1, end));
      case STAR:
        return this.#openList(this.#toNumber(start + 1, end));
      case COLON:
        return this.#add(this.#toNumber(start + 1, end));
      case PLUS:
        return this.#add(this.#bytes.subarray(start + 1, end));
      case MINUS:
        return this.#refuse(new RedisRefusal(this.#bytes.toString("utf8", start + 1, end)));
      default:
        throw new Error(`expected a reply of Redis, got one of the kind ${kind}`);
    }
  }

  #wait(length: number): void {
    this.#needed = length;
  }

  #readText(start: number, length: number): void {
    if (length === -1) return this.#add(null);
    const from = this.#at;
    const end = from + length;
    if (end + 2 > this.#length) {
      this.#at = start;
      return this.#wait(end + 2 - start);
    }
    this.#at = end + 2;
    return this.#add(this.#bytes.subarray(from, end));
  }

  #openList(length: number): void {
    if (length === -1) this.#add(null);
    else if (length === 0) this.#add([]);
    else this.#lists.push({ items: [], missing: length, refusal: undefined });
  }

  /** Adds a value to the list that it belongs to; what belongs to none is a reply. */
  #add(value: RedisReply): void {
    const list = this.#lists.at(-1);
    if (!list) return this.#onReply(value);
    list.items.push(value);
    this.#count(list);
  }

  #refuse(refusal: RedisRefusal): void {
    const list = this.#lists.at(-1);
    if (!list) return this.#onReply(refusal);
    list.refusal ??= refusal;
    this.#count(list);
  }

  /** One item less is missing; the last one completes the list. */
  #count(list: OpenList): void {
    list.missing--;
    if (list.missing > 0) return;
    this.#lists.pop();
    if (list.refusal) this.#refuse(list.refusal);
    else this.#add(list.items);
  }

  #toNumber(start: number, end: number): number {
    const isNegative = this.#bytes[start] === MINUS;
    let number = 0;
    for (let at = isNegative ? start + 1 : start; at < end; at++) {
      number = number * 10 + (this.#bytes[at] ?? ZERO) - ZERO;
    }
    return isNegative ? -number : number;
  }
}
