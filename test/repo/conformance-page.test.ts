import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const FOLDER = "docs/reference";
const page = readFileSync(`${FOLDER}/channels-conformance.md`, "utf8");
const named = [...page.matchAll(/\[([^\]]+)\]\(([^)]+\.ts)\)/g)].map(
  ([, name = "", path = ""]) => ({
    name,
    path: join(FOLDER, path),
  }),
);

test("the page of conformance names many tests", () => {
  expect(named.length).toBeGreaterThan(100);
});

test("every test that the page of conformance names stands in the file that it names", () => {
  const missing = named.filter(({ name, path }) => {
    return !readFileSync(path, "utf8").includes(`"${name}"`);
  });
  expect(missing).toEqual([]);
});
