import { expect, test } from "vitest";

import { TidingsError } from "../../core/errors.ts";
import { Retry } from "../retry.ts";
import { toTaskError } from "./record-outcome.ts";

test.each([
  ["an error by its name", new RangeError("far"), { type: "RangeError", message: "far" }],
  [
    "one of ours by its code",
    new TidingsError("TASK_TOO_LARGE", "large"),
    { type: "TASK_TOO_LARGE", message: "large" },
  ],
  ["why a retry was asked for", new Retry({ cause: new TypeError("why") }), { type: "TypeError" }],
  ["what is no error as text", "thrown", { type: "Error", message: "thrown: thrown" }],
])("a record tells %s", (_, thrown, told) => {
  expect(toTaskError(thrown)).toMatchObject(told);
});

test("a record keeps the first 8,192 characters of an error's message", () => {
  expect(toTaskError(new Error("x".repeat(10_000))).message).toHaveLength(8_192);
});
