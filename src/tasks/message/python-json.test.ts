import { expect, test } from "vitest";

import { writePythonJson } from "./python-json.ts";

// The right side is what Python 3.11 prints for `json.dumps` of the same value.
test.each([
  [
    [1, "id", "SUCCESS", { a: [1, null, true], b: {} }],
    '[1, "id", "SUCCESS", {"a": [1, null, true], "b": {}}]',
  ],
  ["é 🙂, a: \\ \u007f\u001f\n", String.raw`"\u00e9 \ud83d\ude42, a: \\ \u007f\u001f\n"`],
  [[0.1, 1e-5, -1.5e-6, 1e-7, 1.25e-10], "[0.1, 1e-05, -1.5e-06, 1e-07, 1.25e-10]"],
  [[0.0001, 123.456, -3, 1e300, 1.5e22], "[0.0001, 123.456, -3, 1e+300, 1.5e+22]"],
  [[Number.NaN, -Infinity, 12345678901234567890n], "[NaN, -Infinity, 12345678901234567890]"],
  [[], "[]"],
  ["", '""'],
])("a value is written as Python writes it: case %#", (value, text) => {
  expect(writePythonJson(value, "value")).toBe(text);
});

test("a long text is written without running out of stack", () => {
  const text = "é".repeat(1_000_000);
  expect(writePythonJson([text], "value")).toHaveLength(6_000_004);
});
