import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { NdjsonParser } from "./ndjson-parser.ts";
import { formatNdjson } from "./ndjson.ts";

describe("formatNdjson and NdjsonParser", () => {
  test("are each other's reverse, wherever bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.nat(40)), (values, cuts) => {
        const bytes = new TextEncoder().encode(values.map(formatNdjson).join("\n"));
        const parser = new NdjsonParser();
        const parsed: unknown[] = [];
        let from = 0;
        for (const cut of [...cuts, bytes.length]) {
          parsed.push(...parser.push(bytes.subarray(from, from + cut)));
          from += cut;
        }
        expect(JSON.stringify(parsed)).toBe(JSON.stringify(values));
      }),
    );
  });
});

describe("NdjsonParser", () => {
  test("skips blank lines, takes CR LF, and never returns a line that was cut off (PROTOCOL.md 6.1, 6.2)", () => {
    const parser = new NdjsonParser();
    expect(parser.push('\n \r\n{"a":1}\r\n12')).toEqual([{ a: 1 }]);
  });

  test("refuses a line that is no JSON, and one that is too long", () => {
    expect(() => new NdjsonParser().push("<html>\n")).toThrow(
      expect.objectContaining({ code: "MESSAGE_NOT_JSON" }),
    );
    expect(() => new NdjsonParser({ maxLineLength: 4 }).push("12345")).toThrow(
      expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }),
    );
    expect(() => new NdjsonParser({ maxLineLength: 0 })).toThrow("expected `maxLineLength`");
  });
});
