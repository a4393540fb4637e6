import { describe, expect, test } from "vitest";

import { LineReader } from "./line-reader.ts";

const options = { crEnds: true, maxLength: 100 };

describe("LineReader", () => {
  test("keeps what has no end yet for the next chunk", () => {
    const reader = new LineReader(options);
    expect(reader.push("a")).toEqual([]);
    expect(reader.push("b\nc\n\nd")).toEqual(["ab", "c", ""]);
    expect(reader.push("\n")).toEqual(["d"]);
  });

  test("knows all three line ends, and a CR LF that is cut in two", () => {
    const reader = new LineReader(options);
    expect(reader.push("a\rb\r\nc\nd\r")).toEqual(["a", "b", "c", "d"]);
    expect(reader.push("")).toEqual([]);
    expect(reader.push("\n")).toEqual([]);
    expect(reader.push("e\r\re\n")).toEqual(["e", "", "e"]);
    expect(reader.push("\n")).toEqual([""]);
  });

  test("leaves a CR in its line when only LF ends one", () => {
    const reader = new LineReader({ crEnds: false, maxLength: 100 });
    expect(reader.push("a\rb\r")).toEqual([]);
    expect(reader.push("\n")).toEqual(["a\rb\r"]);
  });

  test("puts characters together that are cut in two, and replaces broken ones", () => {
    const bytes = new TextEncoder().encode("é€😀\n");
    const reader = new LineReader(options);
    const lines = [...bytes].flatMap((byte) => reader.push(Uint8Array.of(byte)));
    expect(lines).toEqual(["é€😀"]);
    expect(reader.push(Uint8Array.of(0x61, 0xff, 0x0a))).toEqual(["a\uFFFD"]);
  });

  test.each([
    ["\uFEFFa\n", "a"],
    ["\uFEFF\uFEFFa\n", "\uFEFFa"],
    ["a\uFEFF\n", "a\uFEFF"],
  ])("drops one byte order mark, at the start only: %j", (text, line) => {
    const reader = new LineReader(options);
    const bytes = [...new TextEncoder().encode(text)];
    expect(bytes.flatMap((byte) => reader.push(Uint8Array.of(byte)))).toEqual([line]);
  });

  test("refuses a line beyond its bound, finished or not", () => {
    const exact = "x".repeat(100);
    expect(new LineReader(options).push(`${exact}\n`)).toEqual([exact]);
    expect(() => new LineReader(options).push(`${exact}x\n`)).toThrow(
      "at most 100 characters, got 101",
    );
    const reader = new LineReader(options);
    reader.push(exact);
    expect(() => reader.push("x")).toThrow("at most 100 characters");
  });
});
