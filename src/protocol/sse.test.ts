import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { SseParser, type SseMessage } from "./sse-parser.ts";
import { formatSseComment, formatSseEvent } from "./sse.ts";

const fields = fc.record({
  id: fc.option(
    fc.string({ unit: "binary" }).filter((text) => !/[\r\n\0]/.test(text)),
    { nil: undefined },
  ),
  event: fc.option(
    fc.string({ unit: "binary" }).filter((text) => !/[\r\n\0]/.test(text)),
    { nil: undefined },
  ),
  data: fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("\r", "\n", " ", ":", "\uFEFF", "\0", "a", "data", "é") }),
  ),
});

function parse(text: string): readonly SseMessage[] {
  return new SseParser().push(text);
}

describe("formatSseEvent and SseParser (PROTOCOL.md 5.1)", () => {
  test("are each other's reverse, wherever bytes are cut, but for the data's line ends", () => {
    fc.assert(
      fc.property(fc.array(fields), fc.array(fc.nat(40)), (events, cuts) => {
        const text = events
          .map((event) => formatSseComment("life") + formatSseEvent(event))
          .join("");
        const bytes = new TextEncoder().encode(text);
        const parser = new SseParser();
        const parsed: SseMessage[] = [];
        let from = 0;
        for (const cut of [...cuts, bytes.length]) {
          parsed.push(...parser.push(bytes.subarray(from, from + cut)));
          from += cut;
        }
        let lastId = "";
        const expected = events.map(({ id = lastId, event, data }) => {
          lastId = id;
          return { id, event: event || "message", data: data.replace(/\r\n?/g, "\n") };
        });
        expect(parsed).toEqual(expected);
        expect(parser.lastEventId).toBe(lastId);
      }),
      { numRuns: 300 },
    );
  });
});

describe("formatSseEvent", () => {
  test("writes each field on a line of its own, and a blank line last", () => {
    const text = formatSseEvent({ id: "e.1", event: "tick", retryMs: 500, data: "a\r\nb\rc\n" });
    expect(text).toBe("id: e.1\nevent: tick\nretry: 500\ndata: a\ndata: b\ndata: c\ndata: \n\n");
  });

  test.each(["a\nb", "a\rb", "a\0b"])("refuses the id and the type %j", (value) => {
    expect(() => formatSseEvent({ id: value, data: "" })).toThrow("expected `id`");
    expect(() => formatSseEvent({ event: value, data: "" })).toThrow("expected `event`");
  });

  test.each([-1, 0.5, Number.NaN])("refuses to ask for a wait of %d ms", (retryMs) => {
    expect(() => formatSseEvent({ retryMs, data: "" })).toThrow("expected `retryMs`");
  });
});

describe("formatSseComment", () => {
  test("lets no line of its text become a field", () => {
    expect(formatSseComment("a\ndata: b")).toBe(": a\n: data: b\n\n");
    expect(parse(formatSseComment("a\rdata: b\r\ndata: c"))).toEqual([]);
  });
});

describe("SseParser", () => {
  test.each<[string, readonly Partial<SseMessage>[]]>([
    ["data: a\n\n", [{ id: "", event: "message", data: "a" }]],
    ["data:a\n\n", [{ data: "a" }]],
    ["data:  a\n\n", [{ data: " a" }]],
    ["data\n\n", [{ data: "" }]],
    ["data\ndata\n\n", [{ data: "\n" }]],
    ["data:a:b\n\n", [{ data: "a:b" }]],
    ["event: x\n\ndata: a\n\n", [{ event: "message", data: "a" }]],
    ["event: x\ndata: a\n\ndata: b\n\n", [{ event: "x" }, { event: "message" }]],
    ["id: 1\ndata: a\n\ndata: b\n\n", [{ id: "1" }, { id: "1" }]],
    ["id: 1\n\ndata: a\n\n", [{ id: "1" }]],
    ["id: 1\ndata: a\n\nid\ndata: b\n\n", [{ id: "1" }, { id: "" }]],
    ["id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", [{ id: "1" }, { id: "1" }]],
    [": comment\n:\ndata: a\n\n", [{ data: "a" }]],
    ["unknown: x\nDATA: x\n data: x\ndata : x\n\n", []],
    ["\n\n\n", []],
    ["data: cut off\n", []],
    ["data: cut off", []],
  ])("reads %j", (text, expected) => {
    expect(parse(text)).toMatchObject(expected);
    expect(parse(text)).toHaveLength(expected.length);
    expect(parse(text.replaceAll("\n", "\r"))).toMatchObject(expected);
    expect(parse(text.replaceAll("\n", "\r\n"))).toMatchObject(expected);
  });

  test("remembers how long the server asks to wait, if that is a number", () => {
    const parser = new SseParser();
    expect(parser.retryMs).toBeUndefined();
    parser.push("retry: 1500\n");
    parser.push("retry: -1\nretry: 2s\nretry:\n");
    expect(parser.retryMs).toBe(1500);
  });

  test("keeps the id of an event that the end cuts off to itself", () => {
    const parser = new SseParser();
    parser.push("id: 1\ndata: a\n\nid: 2\ndata: b\n");
    expect(parser.lastEventId).toBe("1");
  });

  test("refuses an event beyond its bound, on one line or on many", () => {
    const tooLarge = expect.objectContaining({ code: "MESSAGE_TOO_LARGE" });
    const make = (): SseParser => new SseParser({ maxEventLength: 10 });
    expect(make().push("data:12345\n\n")).toHaveLength(1);
    expect(make().push("data:1234\ndata:12345\n\n")).toHaveLength(1);
    expect(() => make().push("data:123456\n\n")).toThrow(tooLarge);
    expect(() => make().push("data:1234\ndata:1234\ndata:1\n")).toThrow(tooLarge);
    expect(() => make().push("data\n".repeat(12))).toThrow(tooLarge);
    expect(() => new SseParser({ maxEventLength: -1 })).toThrow("expected `maxEventLength`");
  });
});
