import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";

import { expect, test } from "vitest";

const sources = globSync("{src,examples,bench,scripts}/**/*.{ts,tsx}").toSorted();

/** What the linter has no rule for. */
const forbidden: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["export *", /^export \*/m],
  ["a note of work to do", /\b(TODO|FIXME|XXX|HACK)\b/],
  ["a switched-off compiler", /@ts-(ignore|nocheck)/],
  [
    "a switched-off lint rule without a reason",
    /oxlint-disable(?:-next-line|-line)?(?=\s)(?! [\w/, -]+ -- \S)/,
  ],
];

test.each(forbidden)("no source holds %s", (_what, pattern) => {
  expect(sources.filter((path) => pattern.test(readFileSync(path, "utf8")))).toEqual([]);
});

test("no file is named for a kind of thing instead of the thing", () => {
  const names = /^(utils?|helpers?|common|types|interfaces|lib|managers?|misc|constants)\.tsx?$/;
  expect(sources.filter((path) => names.test(basename(path)))).toEqual([]);
});
