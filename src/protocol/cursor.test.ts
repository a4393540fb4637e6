import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { formatCursor, parseCursor } from "./cursor.ts";

describe("formatCursor and parseCursor", () => {
  test("are each other's reverse, in text that needs no escaping (PROTOCOL.md 1.2)", () => {
    const epochs = fc.stringMatching(/^[\w-]{1,64}$/);
    fc.assert(
      fc.property(epochs, fc.integer({ min: 0, max: 10 ** 15 - 1 }), (epoch, offset) => {
        const cursor = formatCursor({ epoch, offset });
        expect(parseCursor(cursor)).toEqual({ epoch, offset });
        expect(new URLSearchParams({ cursor }).toString()).toBe(`cursor=${cursor}`);
        expect(encodeURIComponent(cursor)).toBe(cursor);
      }),
    );
  });

  test.each(["", ".", "a.", ".1", "a.-1", "a.1.5", "a.01", "a.1 ", "a b.1", "a.1.2", "a.1e3"])(
    "parse nothing from the junk `%s`",
    (text) => {
      expect(parseCursor(text)).toBeUndefined();
    },
  );

  test("parse nothing longer than any cursor", () => {
    expect(parseCursor(`${"a".repeat(64)}.1`)).toBeDefined();
    expect(parseCursor(`${"a".repeat(65)}.1`)).toBeUndefined();
    expect(parseCursor(`a.${"1".repeat(16)}`)).toBeUndefined();
    expect(parseCursor("a.1".repeat(1_000_000))).toBeUndefined();
  });

  test.each([
    { epoch: "", offset: 1 },
    { epoch: "a b", offset: 1 },
    { epoch: "a", offset: -1 },
    { epoch: "a", offset: 0.5 },
    { epoch: "a", offset: Number.NaN },
    { epoch: "a", offset: 10 ** 15 },
  ])("format no position that could not be read again: %o", (position) => {
    expect(() => formatCursor(position)).toThrow("expected `position`");
  });
});
