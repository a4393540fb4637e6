import { describe, expect, test } from "vitest";

import { isErrorBody } from "./error-body.ts";
import { isFeedEnd, isFeedEvent, isPollAnswer } from "./event.ts";

const JUNK = [null, undefined, 1, "text", [], {}, { cursor: 1, data: 1 }, { data: 1 }];

describe("isFeedEvent (PROTOCOL.md 2.1)", () => {
  test("knows an event, whatever its data", () => {
    for (const data of [null, false, 0, "", {}, []]) {
      expect(isFeedEvent({ cursor: "a.1", data })).toBe(true);
    }
    expect(isFeedEvent({ cursor: "a.1", data: 1, reset: { reason: "evicted" } })).toBe(true);
  });

  test.each([
    ...JUNK,
    { cursor: "a.1" },
    { cursor: "a.1", data: 1, reset: true },
    { cursor: "a.1", data: 1, reset: {} },
  ])("refuses %o", (value) => {
    expect(isFeedEvent(value)).toBe(false);
  });
});

describe("isFeedEnd (PROTOCOL.md 2.2)", () => {
  test("knows the end from everything else", () => {
    expect(isFeedEnd({ end: true })).toBe(true);
    for (const value of [...JUNK, { end: false }, { end: 1 }]) expect(isFeedEnd(value)).toBe(false);
  });
});

describe("isPollAnswer (PROTOCOL.md 7.2)", () => {
  test("knows an answer, with events and without", () => {
    expect(isPollAnswer({ cursor: "a.1", events: [] })).toBe(true);
    const events = [{ cursor: "a.1", data: 1 }];
    expect(isPollAnswer({ cursor: "a.1", events, end: true })).toBe(true);
  });

  test.each([...JUNK, { cursor: "a.1", events: {} }])("refuses %o", (value) => {
    expect(isPollAnswer(value)).toBe(false);
  });
});

describe("isErrorBody (PROTOCOL.md 2.3)", () => {
  test("knows an error with a code of ours", () => {
    expect(isErrorBody({ error: { code: "REQUEST_NOT_FOUND", message: "nothing is here" } })).toBe(
      true,
    );
  });

  test.each([
    ...JUNK,
    { error: null },
    { error: "REQUEST_NOT_FOUND" },
    { error: { code: "REQUEST_NOT_FOUND" } },
    { error: { message: "nothing" } },
    { error: { code: "REQUEST_NOT_FOUND", message: 404 } },
    { error: { code: "not found", message: "nothing" } },
  ])("refuses %o", (value) => {
    expect(isErrorBody(value)).toBe(false);
  });
});
