import { expect, test } from "vitest";

import { isTimeZone, toInstant } from "./expire-date.ts";

test.each([
  ["2026-07-01 12:00:00", "UTC", "2026-07-01T12:00:00Z"],
  ["2026-07-01 12:00:00.123456", "UTC", "2026-07-01T12:00:00.123Z"],
  ["2026-07-01T12:00:00Z", "Europe/Berlin", "2026-07-01T12:00:00Z"],
  ["2026-07-01 12:00:00+02:00", "UTC", "2026-07-01T10:00:00Z"],
  ["2026-07-01 12:00:00.5-05", "UTC", "2026-07-01T17:00:00.500Z"],
  ["2026-07-01 12:00:00", "Europe/Berlin", "2026-07-01T10:00:00Z"],
  ["2026-01-01 12:00:00.25", "Europe/Berlin", "2026-01-01T11:00:00.250Z"],
  ["2026-01-01 12:00:00", "America/Chicago", "2026-01-01T18:00:00Z"],
  // Soon after the clocks went forward, back, and forward.
  ["2026-03-29 03:30:00", "Europe/Berlin", "2026-03-29T01:30:00Z"],
  ["2026-10-25 03:30:00", "Europe/Berlin", "2026-10-25T02:30:00Z"],
  ["2026-03-08 03:30:00", "America/Chicago", "2026-03-08T08:30:00Z"],
])("reads %s in %s", (text, timeZone, expected) => {
  expect(toInstant(text, timeZone)).toBe(Date.parse(expected));
});

test("takes a Date as it is", () => {
  expect(toInstant(new Date(5), "Europe/Berlin")).toBe(5);
});

test("knows what is no date", () => {
  const others = ["", "soon", "2026-13-01 00:00:00", 5, null, undefined, new Date(Number.NaN)];
  expect(others.map((other) => toInstant(other, "UTC"))).toEqual(others.map(() => undefined));
});

test("knows the names of time zones", () => {
  expect(["UTC", "Europe/Berlin", "Atlantis/Capital", ""].map(isTimeZone)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
