/**
 * The field tables of AMQP 0-9-1, as RabbitMQ and Python's client speak them.
 *
 * amqplib writes small integers with tags that Python reads as something else (`s` is a short string
 * there, `b` is unsigned), and does not know the tag `L`, with which Python writes large ones: one such
 * header ends the connection, again and again. Here integers are `I`, or `l` where they need 64 bits,
 * and every tag that anybody writes is read.
 *
 * @see https://www.rabbitmq.com/amqp-0-9-1-errata#section_3
 */

const INT32_MAX = 2 ** 31;
/** Deeper values are written as null, so that no message can overflow the stack. */
const MAX_DEPTH = 100;

/** Writes a table at `offset`; returns how many bytes it took. */
export function encodeTable(buffer: Buffer, table: object, offset: number): number {
  return writeTable(buffer, table, { offset, depth: 0 });
}

/** Where to write, and how deep in the value that is. */
interface Place {
  readonly offset: number;
  readonly depth: number;
}

function writeTable(buffer: Buffer, table: object, { offset, depth }: Place): number {
  let end = offset + 4;
  for (const [name, value] of entriesOf(table)) {
    if (value === undefined) continue;
    const length = Buffer.byteLength(name);
    if (length > 255) throw new RangeError("expected names of headers of at most 255 bytes");
    end = buffer.writeUInt8(length, assertSpace(buffer, end, 1 + length));
    end += buffer.write(name, end);
    end += writeValue(buffer, value, { offset: end, depth: depth + 1 });
  }
  buffer.writeUInt32BE(end - offset - 4, assertSpace(buffer, offset, 4));
  return end - offset;
}

/** What amqplib is given is the prototype of what it gives to us. */
function entriesOf(table: object): readonly [string, unknown][] {
  const prototype: unknown = Object.getPrototypeOf(table);
  const isInherited = typeof prototype === "object" && prototype !== Object.prototype;
  return [...Object.entries(isInherited ? (prototype ?? {}) : {}), ...Object.entries(table)];
}

function writeArray(buffer: Buffer, items: readonly unknown[], { offset, depth }: Place): number {
  let end = offset + 4;
  for (const item of items) end += writeValue(buffer, item, { offset: end, depth: depth + 1 });
  buffer.writeUInt32BE(end - offset - 4, assertSpace(buffer, offset, 4));
  return end - offset;
}

function writeValue(buffer: Buffer, value: unknown, { offset, depth }: Place): number {
  const tag = depth > MAX_DEPTH ? "V" : tagOf(value);
  buffer.write(tag, assertSpace(buffer, offset, 1), "latin1");
  const place = { offset: offset + 1, depth };
  return 1 + writeTagged(buffer, [tag, value], place);
}

function tagOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return "S";
    case "boolean":
      return "t";
    case "bigint":
      return "l";
    case "number":
      if (!Number.isSafeInteger(value)) return "d";
      return value >= -INT32_MAX && value < INT32_MAX ? "I" : "l";
    case "object":
      if (Array.isArray(value)) return "A";
      if (value instanceof Uint8Array) return "x";
      return value === null ? "V" : "F";
    default:
      return "V";
  }
}

/** Writes what follows the tag; returns how many bytes that took. */
function writeTagged(
  buffer: Buffer,
  [tag, value]: readonly [string, unknown],
  place: Place,
): number {
  const { offset } = place;
  switch (tag) {
    case "S":
      return writeBytes(buffer, Buffer.from(String(value)), offset);
    case "x":
      return value instanceof Uint8Array ? writeBytes(buffer, value, offset) : 0;
    case "t":
      return buffer.writeUInt8(value === true ? 1 : 0, assertSpace(buffer, offset, 1)) - offset;
    case "I":
      return buffer.writeInt32BE(Number(value), assertSpace(buffer, offset, 4)) - offset;
    case "l": {
      const integer = BigInt.asIntN(64, typeof value === "bigint" ? value : BigInt(Number(value)));
      return buffer.writeBigInt64BE(integer, assertSpace(buffer, offset, 8)) - offset;
    }
    case "d":
      return buffer.writeDoubleBE(Number(value), assertSpace(buffer, offset, 8)) - offset;
    case "A":
      return Array.isArray(value) ? writeArray(buffer, value, place) : 0;
    case "F":
      return typeof value === "object" && value ? writeTable(buffer, value, place) : 0;
    default:
      return 0;
  }
}

function writeBytes(buffer: Buffer, bytes: Uint8Array, offset: number): number {
  assertSpace(buffer, offset, 4 + bytes.length);
  buffer.writeUInt32BE(bytes.length, offset);
  buffer.set(bytes, offset + 4);
  return 4 + bytes.length;
}

function assertSpace(buffer: Buffer, offset: number, bytes: number): number {
  if (offset + bytes <= buffer.length) return offset;
  throw new RangeError(`expected headers of at most ${buffer.length} bytes`);
}

/**
 * Reads the fields of a table.
 *
 * Never throws, since that would end the connection: what follows a value that nobody knows how to
 * read is left out.
 */
export function decodeFields(bytes: Buffer): Record<string, unknown> {
  return readTable(new Reader(bytes), bytes.length, 0);
}

function readTable(reader: Reader, end: number, depth: number): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  while (reader.offset < end && !reader.isLost) {
    const name = reader.text(reader.byte());
    const value = readValue(reader, depth + 1);
    if (reader.isLost) break;
    if (name === "__proto__") defineField(fields, name, value);
    else fields[name] = value;
  }
  return fields;
}

/** What assignment would not make a field of its own. */
function defineField(fields: object, name: string, value: unknown): void {
  const own = { value, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(fields, name, own);
}

function readValue(reader: Reader, depth: number): unknown {
  const tag = String.fromCharCode(reader.byte());
  switch (tag) {
    case "A":
    case "F":
      return readNested(reader, tag, depth);
    case "S":
      return reader.text(reader.number(4));
    case "x":
      return reader.bytes(reader.number(4));
    case "t":
      return reader.byte() !== 0;
    case "V":
      return null;
    case "D":
      return readDecimal(reader);
    case "f":
    case "d":
      return reader.float(tag === "f" ? 4 : 8);
    default:
      return readInteger(reader, tag);
  }
}

function readNested(reader: Reader, tag: "A" | "F", depth: number): unknown {
  const end = reader.number(4) + reader.offset;
  if (depth > MAX_DEPTH || end > reader.length) {
    reader.lose();
    return null;
  }
  if (tag === "F") return readTable(reader, end, depth);
  const items: unknown[] = [];
  while (reader.offset < end && !reader.isLost) items.push(readValue(reader, depth + 1));
  return items;
}

/** How many bytes an integer has, and whether it has a sign. `T` is a time in seconds. */
const INTEGERS: ReadonlyMap<string, readonly [bytes: 1 | 2 | 4 | 8, isSigned: boolean]> = new Map([
  ["b", [1, true]],
  ["B", [1, false]],
  ["s", [2, true]],
  ["u", [2, false]],
  ["I", [4, true]],
  ["i", [4, false]],
  ["l", [8, true]],
  ["L", [8, true]],
  ["T", [8, false]],
]);

function readInteger(reader: Reader, tag: string): number | bigint | null {
  const [bytes, isSigned] = INTEGERS.get(tag) ?? [];
  if (bytes === undefined || isSigned === undefined) {
    reader.lose();
    return null;
  }
  if (bytes < 8) return isSigned ? reader.signed(bytes) : reader.number(bytes);
  const integer = reader.big(isSigned);
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}

/** A number of digits after the point, and the digits. */
function readDecimal(reader: Reader): number {
  const places = reader.byte();
  return reader.number(4) / 10 ** places;
}

/** Reads along a buffer; once it has read beyond the end it is lost, and reads zeros. */
class Reader {
  offset = 0;
  isLost = false;
  readonly #buffer: Buffer;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get length(): number {
    return this.#buffer.length;
  }

  lose(): void {
    this.isLost = true;
  }

  byte(): number {
    return this.#has(1) ? this.#buffer.readUInt8(this.offset - 1) : 0;
  }

  number(bytes: number): number {
    return this.#has(bytes) ? this.#buffer.readUIntBE(this.offset - bytes, bytes) : 0;
  }

  signed(bytes: number): number {
    return this.#has(bytes) ? this.#buffer.readIntBE(this.offset - bytes, bytes) : 0;
  }

  big(isSigned: boolean): bigint {
    if (!this.#has(8)) return 0n;
    const at = this.offset - 8;
    return isSigned ? this.#buffer.readBigInt64BE(at) : this.#buffer.readBigUInt64BE(at);
  }

  float(bytes: 4 | 8): number {
    if (!this.#has(bytes)) return 0;
    const at = this.offset - bytes;
    return bytes === 4 ? this.#buffer.readFloatBE(at) : this.#buffer.readDoubleBE(at);
  }

  bytes(length: number): Buffer {
    return this.#has(length)
      ? Buffer.from(this.#buffer.subarray(this.offset - length, this.offset))
      : Buffer.alloc(0);
  }

  text(length: number): string {
    if (!this.#has(length)) return "";
    return this.#buffer.toString("utf8", this.offset - length, this.offset);
  }

  /** Goes on by so many bytes, if they are there. */
  #has(bytes: number): boolean {
    if (this.isLost || this.offset + bytes > this.#buffer.length) {
      this.lose();
      return false;
    }
    this.offset += bytes;
    return true;
  }
}
