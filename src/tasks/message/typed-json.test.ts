import { describe, expect, test } from "vitest";

import { readTypedJson, writeTypedJson } from "./typed-json.ts";
import { CalendarDate, ClockTime, Decimal, Uuid } from "./typed-values.ts";

/** JSON as kombu 5.6 writes it, and the value it stands for. */
const typed: readonly (readonly [name: string, json: string, value: unknown])[] = [
  [
    "a datetime",
    '{"__type__":"datetime","__value__":"2026-11-20T20:59:05.004000+00:00"}',
    new Date(Date.UTC(2026, 10, 20, 20, 59, 5, 4)),
  ],
  ["a date", '{"__type__":"date","__value__":"2026-11-20"}', new CalendarDate("2026-11-20")],
  ["a time", '{"__type__":"time","__value__":"20:59:05.004267"}', new ClockTime("20:59:05.004267")],
  ["a decimal", '{"__type__":"decimal","__value__":"1.10"}', new Decimal("1.10")],
  [
    "a UUID",
    '{"__type__":"uuid","__value__":{"hex":"8192f324ebe24b39986d07bdce76ded1"}}',
    new Uuid("8192f324-ebe2-4b39-986d-07bdce76ded1"),
  ],
  ["bytes that are text", '{"__type__":"bytes","__value__":"é"}', new Uint8Array([0xc3, 0xa9])],
  ["bytes that are no text", '{"__type__":"base64","__value__":"/wA="}', new Uint8Array([255, 0])],
  ["NaN", "NaN", Number.NaN],
  ["infinity", "Infinity", Infinity],
  ["minus infinity", "-Infinity", -Infinity],
  ["an integer beyond 2^53", "12345678901234567890", 12345678901234567890n],
];

describe("typed JSON", () => {
  test.each(typed)("writes and reads %s, wherever it stands", (_name, json, value) => {
    const whole = `{"plain":[1,null,"NaN \\" Infinity"],"deep":[${json}],"last":${json}}`;
    const tree = { plain: [1, null, 'NaN " Infinity'], deep: [value], last: value };
    expect(writeTypedJson(tree, "value")).toBe(whole);
    expect(readTypedJson(whole)).toEqual(tree);
  });

  test("leaves plain values as they are", () => {
    const value = { a: [1.5, "é", true, null], left: undefined, "": {} };
    expect(writeTypedJson(value, "value")).toBe(JSON.stringify(value));
    expect(writeTypedJson({ ...value, at: 1n }, "value")).toBe(
      '{"a":[1.5,"é",true,null],"":{},"at":1}',
    );
  });

  test.each([
    ["without an offset is UTC", "2026-11-20T20:59:05.004267"],
    ["with an offset", "2026-11-20T22:59:05.004267+02:00"],
    ["as JavaScript writes it", "2026-11-20T20:59:05.004Z"],
  ])("reads the right moment: a datetime %s", (_name, text) => {
    const json = JSON.stringify({ __type__: "datetime", __value__: text });
    expect(readTypedJson(json)).toEqual(new Date(Date.UTC(2026, 10, 20, 20, 59, 5, 4)));
  });

  test.each([
    ["an unknown kind", { __type__: "path", __value__: "/x" }],
    ["a kind that is no text", { __type__: 7, __value__: "x" }],
    ["a datetime that is none", { __type__: "datetime", __value__: "soon" }],
    ["a UUID that is none", { __type__: "uuid", __value__: { hex: "1" } }],
    ["a decimal that is no text", { __type__: "decimal", __value__: 1 }],
  ])("leaves as it is %s", (_name, value) => {
    expect(readTypedJson(JSON.stringify([value]))).toEqual([value]);
  });

  test("keeps a key that names a prototype a key", () => {
    const value = readTypedJson('{"__proto__":{"a":{"__type__":"decimal","__value__":"1"}}}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value ?? {})).toEqual(["__proto__"]);
  });

  test.each([
    ["a function", [() => 1], "value[0], got a value of type function"],
    ["a map", new Map(), "value, got a value of class Map"],
    ["an invalid date", [new Date(Number.NaN)], "value[0], got an invalid Date"],
    ["undefined in a list", [undefined], "value[0], got a value of type undefined"],
    [
      "what would be read as another value",
      { __type__: "decimal", __value__: "1" },
      "value, got an object with the keys of a typed value",
    ],
  ])("refuses %s", (_name, value, message) => {
    expect(() => writeTypedJson(value, "value")).toThrow(`expected a JSON value at ${message}`);
  });

  test("reads long texts beside words that JSON does not know", () => {
    const text = "\\n".repeat(6_000_000);
    expect(readTypedJson(`["${text}",NaN]`)).toHaveProperty("1", Number.NaN);
  });
});
