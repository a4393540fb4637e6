import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decodeFields, encodeTable } from "./field-table.ts";

function toBytes(table: object): Buffer {
  const buffer = Buffer.alloc(65_536);
  return buffer.subarray(4, encodeTable(buffer, table, 0));
}

describe("field tables", () => {
  test("write integers so that Python reads them: 32 bits, or 64 where they need them", () => {
    const hex = (value: unknown): string => toBytes({ n: value }).toString("hex").slice(4);
    expect(hex(1)).toBe("4900000001"); // I
    expect(hex(300)).toBe("490000012c");
    expect(hex(-1)).toBe("49ffffffff");
    expect(hex(2 ** 31)).toBe("6c0000000080000000"); // l
    expect(hex(2n ** 60n)).toBe("6c1000000000000000");
    expect(hex(1.5)).toBe("643ff8000000000000"); // d
    expect(hex(null)).toBe("56"); // V
    expect(hex(undefined)).toBe("");
  });

  test("read what py-amqp writes, a large integer too", () => {
    // {"a": 2**40, "t": [None, True], "s": "é"} as py-amqp 5.1 writes it.
    const bytes = Buffer.from(
      "01614c0000010000000000017441000000035674010173530000 0002c3a9".replace(" ", ""),
      "hex",
    );
    expect(decodeFields(bytes)).toEqual({ a: 2 ** 40, t: [null, true], s: "é" });
  });

  test("read integers that no number holds as bigints", () => {
    expect(decodeFields(Buffer.from("01614c7fffffffffffffff", "hex"))).toEqual({
      a: 2n ** 63n - 1n,
    });
  });

  test("leave out what follows a value of an unknown kind, or that is cut off", () => {
    expect(decodeFields(Buffer.from("0161490000000101625a0102", "hex"))).toEqual({ a: 1 });
    expect(decodeFields(Buffer.from("016149000000010162490000", "hex"))).toEqual({ a: 1 });
    expect(decodeFields(Buffer.from("016146ffffffff", "hex"))).toEqual({});
  });

  test("keep a header called __proto__ a header", () => {
    const table: unknown = JSON.parse('{"__proto__": "x"}');
    const read = decodeFields(toBytes(Object(table)));
    expect(Object.keys(read)).toEqual(["__proto__"]);
  });

  test("refuse more than the buffer has room for", () => {
    expect(() => toBytes({ text: "x".repeat(70_000) })).toThrow("at most 65536 bytes");
  });

  test("read back whatever JSON holds, and never throw", () => {
    const table = fc.dictionary(fc.string({ maxLength: 20 }), fc.jsonValue({ maxDepth: 4 }), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(table, (value) => {
        expect(JSON.stringify(decodeFields(toBytes(value)))).toBe(
          JSON.stringify(JSON.parse(JSON.stringify(value))),
        );
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeFields(Buffer.from(bytes));
      }),
    );
  });
});
