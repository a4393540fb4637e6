import { globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { ERROR_CODES } from "../../src/core/errors.ts";

const page = readFileSync("docs/reference/errors.md", "utf8");
const headings = [...page.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);

test("the page of errors has one heading for each code, in the order of the list", () => {
  expect(headings).toEqual(ERROR_CODES.toSorted());
});

test("the list of codes names each code once, as AREA_WHAT", () => {
  expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
  for (const code of ERROR_CODES) expect(code).toMatch(/^[A-Z]+(_[A-Z]+)+$/);
});

test("every code is used by some source beside the list", () => {
  const text = globSync("src/**/*.ts")
    .filter((path) => !path.includes(".test.") && path !== "src/core/errors.ts")
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  expect(ERROR_CODES.filter((code) => !text.includes(`"${code}"`))).toEqual([]);
});
