import { expect, test } from "vitest";

import { pythonRepr, tupleRepr } from "./python-repr.ts";
import { Decimal } from "./typed-values.ts";

test.each([
  [null, "None"],
  [undefined, "None"],
  [true, "True"],
  [false, "False"],
  [1.5, "1.5"],
  [-Infinity, "-inf"],
  [Number.NaN, "nan"],
  ["it's", '"it\'s"'],
  [`both ' and "`, `'both \\' and "'`],
  ["a\\b\n\u0001é🙂", "'a\\\\b\\n\\x01é🙂'"],
  [[1, ["x"]], "[1, ['x']]"],
  [{ a: 1, left: undefined, b: {} }, "{'a': 1, 'b': {}}"],
  [new Decimal("1.10"), "'1.10'"],
  [new Uint8Array(3), "<3 bytes>"],
])("shows %j as Python does", (value, text) => {
  expect(pythonRepr(value)).toBe(text);
});

test("shows integers of any size", () => {
  expect(pythonRepr(2n ** 64n)).toBe("18446744073709551616");
});

test.each([
  [[], "()"],
  [[1], "(1,)"],
  [[1, "two"], "(1, 'two')"],
])("shows the arguments %j as a tuple", (values, text) => {
  expect(tupleRepr(values)).toBe(text);
});

test.each([
  ["a long text", ["x".repeat(1_000_000)]],
  ["many values", Array.from({ length: 1_000_000 }, () => 1)],
  ["many fields", [Object.fromEntries(Array.from({ length: 2_000 }, (_, key) => [key, 1]))]],
])("shows 1,024 characters of %s", (_name, values) => {
  const text = tupleRepr(values);
  expect(text).toHaveLength(1_024);
  expect(text).toMatch(/\.\.\.$/);
});
