import { describe, expect, test } from "vitest";

import { parseWait } from "./prefer.ts";

describe("parseWait (PROTOCOL.md 7.1)", () => {
  test.each([
    ["wait=25", 25],
    ["WAIT = 25", 25],
    ['wait="25"', 25],
    ["wait=0", 0],
    ["respond-async, wait=10", 10],
    ["wait=10; why=later, respond-async", 10],
    ["wait=10, wait=20", 10],
    ['to="a, wait=20", wait=10', 10],
    ['to="a\\", wait=20", wait=10', 10],
  ])("reads `%s`", (header, seconds) => {
    expect(parseWait(header)).toBe(seconds);
  });

  test.each([
    null,
    "",
    "respond-async",
    "wait",
    "wait=",
    "wait=soon",
    "wait=-1",
    "wait=1.5",
    "wait=99999999999999999999",
    "wait=soon, wait=20",
    "await=3",
    "waiting=3",
    "foo; wait=10",
  ])("reads nothing from `%s`", (header) => {
    expect(parseWait(header)).toBeUndefined();
  });
});
