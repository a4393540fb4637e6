import { expect, test } from "vitest";

import { TidingsError } from "../core/errors.ts";
import { explain } from "./explain.ts";

test("an error of ours is one line", () => {
  const cause = new Error("inner");
  const error = new TidingsError("OPTION_INVALID", "expected one, got two", { cause });
  expect(explain(error)).toBe("tidings: expected one, got two [OPTION_INVALID]");
});

test("a fault of the program shows where it is, without what Node does around it", () => {
  const error = new Error("broken");
  error.stack = [
    "Error: broken",
    "    at own (file:///site/main.ts:1:1)",
    "    at ModuleJob.run (node:internal/modules/esm/module_job:1:1)",
    "    at node:internal/main/run_main_module:1:1",
  ].join("\n");
  const shown = "Error: broken\n    at own (file:///site/main.ts:1:1)";
  expect(explain(error)).toBe(`tidings: ${shown}`);
  const load = new TidingsError("APP_LOAD_FAILED", "cannot load main.ts", { cause: error });
  expect(explain(load)).toBe(`tidings: cannot load main.ts [APP_LOAD_FAILED]\n${shown}`);
  expect(explain("text")).toMatch(/^tidings: Error: thrown: text/);
});
