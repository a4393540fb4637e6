import { existsSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const page = readFileSync("docs/reference/channels-conformance.md", "utf8");
const rows = page.split("\n").flatMap((line) => {
  const cells = line.split("|").slice(1, -1);
  const [what = "", proof = ""] = cells.map((cell) => cell.trim());
  return cells.length < 3 || /^(What holds|-+)$/.test(what) ? [] : [{ what, proof }];
});
const named = rows
  .filter(({ proof }) => proof !== "does not apply")
  .flatMap(({ what, proof }) => proof.split("<br>").map((one) => ({ what, one })));

test("the page of conformance names a test for every row, or says that it does not apply", () => {
  expect(rows.length).toBeGreaterThan(100);
  const wrong = named.filter(({ one }) => !/^`[^`]+`: \S/.test(one));
  expect(wrong).toEqual([]);
});

test("every test that the page of conformance names stands in the file that it names", () => {
  const missing = named.filter(({ one }) => {
    const [, file = "", name = ""] = /^`([^`]+)`: (.+)$/.exec(one) ?? [];
    if (!existsSync(file)) return true;
    const source = readFileSync(file, "utf8");
    return !source.includes(`"${name}"`);
  });
  expect(missing).toEqual([]);
});
