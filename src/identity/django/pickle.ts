/** What a pickle of plain data holds. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PickleValue[]
  | ReadonlyMap<PickleValue, PickleValue>
  | ReadonlySet<PickleValue>;

/** A pickle that is broken, too large, or holds more than plain data. */
export class PickleRefused extends Error {
  static {
    this.prototype.name = "PickleRefused";
  }
}

const MAX_DEPTH = 64;
const MAX_VALUES = 100_000;

/**
 * Reads a Python pickle of plain data, of protocol 2 to 5.
 *
 * Knows None, bool, int, float, str, bytes, list, tuple, dict and set; a list and a tuple become an
 * array, a dict a `Map`. It executes nothing: every opcode that names, calls or builds a thing is
 * refused. At most 64 levels and 100,000 values, counted wherever they occur.
 *
 * @throws {PickleRefused} for anything else.
 * @see https://github.com/python/cpython/blob/3.13/Lib/pickletools.py
 */
export function readPickle(bytes: Uint8Array): PickleValue {
  const value = new PickleReader(bytes).read();
  assertBounded(value);
  return value;
}

/** What stands on the stack: containers are filled after they were put there. */
type Item =
  | Exclude<PickleValue, readonly PickleValue[] | ReadonlyMap<unknown, unknown>>
  | Item[]
  | Map<Item, Item>
  | Set<Item>;

type Operation = (reader: PickleReader) => void;

class PickleReader {
  readonly stack: Item[] = [];
  readonly memo = new Map<number, Item>();
  /** How high the stack was at each open mark. */
  readonly marks: number[] = [];
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): Item {
    if (this.uint(1) !== PROTO) throw new PickleRefused("expected a pickle of protocol 2 to 5");
    const protocol = this.uint(1);
    if (protocol < 2 || protocol > 5) {
      throw new PickleRefused(`expected protocol 2 to 5, got ${protocol}`);
    }
    for (let opcode = this.uint(1); opcode !== STOP; opcode = this.uint(1)) {
      const operation = OPERATIONS.get(opcode);
      if (!operation) {
        throw new PickleRefused(`opcode 0x${opcode.toString(16)} is not one of plain data`);
      }
      operation(this);
    }
    const value = this.pop();
    if (this.stack.length > 0 || this.#at < this.#bytes.length) {
      throw new PickleRefused("expected one value and nothing more");
    }
    return value;
  }

  bytes(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new PickleRefused("ends in the middle of a value");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  uint(width: 1 | 2 | 4): number {
    return this.bytes(width).readUIntLE(0, width);
  }

  /** A length of eight bytes; more than there are bytes is refused where they are taken. */
  uint64(): number {
    return Number(this.bytes(8).readBigUInt64LE());
  }

  pop(): Item {
    const floor = this.marks.at(-1) ?? 0;
    const item = this.stack.length > floor ? this.stack.pop() : undefined;
    if (item === undefined) throw new PickleRefused("takes more values than there are");
    return item;
  }

  /** The values since the last mark. */
  popMark(): Item[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw new PickleRefused("takes more marks than there are");
    return this.stack.splice(mark);
  }

  get top(): Item {
    const item = this.pop();
    this.stack.push(item);
    return item;
  }

  recall(index: number): void {
    const item = this.memo.get(index);
    if (item === undefined) throw new PickleRefused("recalls what it has not memoized");
    this.stack.push(item);
  }

  get list(): Item[] {
    const { top } = this;
    if (!Array.isArray(top)) throw new PickleRefused("appends to what is no list");
    return top;
  }

  setItems(items: readonly Item[]): void {
    const { top } = this;
    if (!(top instanceof Map) || items.length % 2 > 0) {
      throw new PickleRefused("sets items of what is no dict");
    }
    setPairs(top, items);
  }

  addItems(items: readonly Item[]): void {
    const { top } = this;
    if (!(top instanceof Set)) throw new PickleRefused("adds items to what is no set");
    for (const item of items) top.add(item);
  }
}

function setPairs(map: Map<Item, Item>, items: readonly Item[]): Map<Item, Item> {
  for (let index = 0; index + 1 < items.length; index += 2) {
    map.set(items[index] ?? null, items[index + 1] ?? null);
  }
  return map;
}

const PROTO = 0x80;
const STOP = code(".");

/** The opcodes of plain data, by the names of Python's `pickletools`. Whatever is not here is refused. */
const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0x95, (reader) => void reader.uint64()], // FRAME: only says how much can be read at once
  [code("("), ({ marks, stack }) => void marks.push(stack.length)], // MARK
  [code("0"), (reader) => void reader.pop()], // POP
  [code("1"), (reader) => void reader.popMark()], // POP_MARK
  [code("2"), ({ stack, top }) => void stack.push(top)], // DUP
  [code("N"), ({ stack }) => void stack.push(null)], // NONE
  [0x88, ({ stack }) => void stack.push(true)], // NEWTRUE
  [0x89, ({ stack }) => void stack.push(false)], // NEWFALSE
  [code("J"), (reader) => void reader.stack.push(reader.bytes(4).readInt32LE())], // BININT
  [code("K"), (reader) => void reader.stack.push(reader.uint(1))], // BININT1
  [code("M"), (reader) => void reader.stack.push(reader.uint(2))], // BININT2
  [0x8a, (reader) => void reader.stack.push(toInteger(reader.bytes(reader.uint(1))))], // LONG1
  [0x8b, (reader) => void reader.stack.push(toInteger(reader.bytes(reader.uint(4))))], // LONG4
  [code("G"), (reader) => void reader.stack.push(reader.bytes(8).readDoubleBE())], // BINFLOAT
  [0x8c, (reader) => void reader.stack.push(String(reader.bytes(reader.uint(1))))], // SHORT_BINUNICODE
  [code("X"), (reader) => void reader.stack.push(String(reader.bytes(reader.uint(4))))], // BINUNICODE
  [0x8d, (reader) => void reader.stack.push(String(reader.bytes(reader.uint64())))], // BINUNICODE8
  [code("C"), (reader) => void reader.stack.push(toBytes(reader.bytes(reader.uint(1))))], // SHORT_BINBYTES
  [code("B"), (reader) => void reader.stack.push(toBytes(reader.bytes(reader.uint(4))))], // BINBYTES
  [0x8e, (reader) => void reader.stack.push(toBytes(reader.bytes(reader.uint64())))], // BINBYTES8
  [0x96, (reader) => void reader.stack.push(toBytes(reader.bytes(reader.uint64())))], // BYTEARRAY8
  [code("]"), ({ stack }) => void stack.push([])], // EMPTY_LIST
  [code("l"), (reader) => void reader.stack.push(reader.popMark())], // LIST
  [code("a"), (reader) => append(reader, [reader.pop()])], // APPEND
  [code("e"), (reader) => append(reader, reader.popMark())], // APPENDS
  [code(")"), ({ stack }) => void stack.push([])], // EMPTY_TUPLE
  [code("t"), (reader) => void reader.stack.push(reader.popMark())], // TUPLE
  [0x85, (reader) => pushTuple(reader, 1)], // TUPLE1
  [0x86, (reader) => pushTuple(reader, 2)], // TUPLE2
  [0x87, (reader) => pushTuple(reader, 3)], // TUPLE3
  [code("}"), ({ stack }) => void stack.push(new Map())], // EMPTY_DICT
  [code("d"), (reader) => void reader.stack.push(setPairs(new Map(), reader.popMark()))], // DICT
  [code("s"), (reader) => reader.setItems([reader.pop(), reader.pop()].toReversed())], // SETITEM
  [code("u"), (reader) => reader.setItems(reader.popMark())], // SETITEMS
  [0x8f, ({ stack }) => void stack.push(new Set())], // EMPTY_SET
  [0x90, (reader) => reader.addItems(reader.popMark())], // ADDITEMS
  [0x91, (reader) => void reader.stack.push(new Set(reader.popMark()))], // FROZENSET
  [code("q"), (reader) => void reader.memo.set(reader.uint(1), reader.top)], // BINPUT
  [code("r"), (reader) => void reader.memo.set(reader.uint(4), reader.top)], // LONG_BINPUT
  [0x94, ({ memo, top }) => void memo.set(memo.size, top)], // MEMOIZE
  [code("h"), (reader) => reader.recall(reader.uint(1))], // BINGET
  [code("j"), (reader) => reader.recall(reader.uint(4))], // LONG_BINGET
]);

function code(character: string): number {
  return character.charCodeAt(0);
}

function append(reader: PickleReader, items: readonly Item[]): void {
  const { list } = reader;
  for (const item of items) list.push(item);
}

function pushTuple(reader: PickleReader, length: number): void {
  const items: Item[] = [];
  for (let index = 0; index < length; index += 1) items.unshift(reader.pop());
  reader.stack.push(items);
}

/** A copy, so that a small value does not keep the whole pickle. */
function toBytes(bytes: Buffer): Uint8Array {
  return Uint8Array.from(bytes);
}

/** An integer in two's complement, the low byte first. */
function toInteger(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  const magnitude = BigInt(`0x${Buffer.from(bytes.toReversed()).toString("hex")}`);
  const value = BigInt.asIntN(bytes.length * 8, magnitude);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Refuses what is deep, in a circle, or much larger than its bytes because it recalls itself. */
function assertBounded(root: PickleValue): void {
  const waiting: [value: PickleValue, depth: number][] = [[root, 0]];
  let count = 0;
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [value, depth] = next;
    count += 1;
    if (depth > MAX_DEPTH) throw new PickleRefused(`more than ${MAX_DEPTH} levels`);
    for (const part of partsOf(value)) {
      waiting.push([part, depth + 1]);
      if (count + waiting.length > MAX_VALUES) {
        throw new PickleRefused(`more than ${MAX_VALUES} values`);
      }
    }
  }
}

function partsOf(value: PickleValue): Iterable<PickleValue> {
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  if (value instanceof Set) return [...value];
  return Array.isArray(value) ? value : [];
}
