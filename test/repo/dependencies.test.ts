import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { type LockFile, missingEntries } from "../../scripts/lock-file.ts";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as LockFile;

test("no dependency runs a script at install, but the runtime that we pin", () => {
  const scripted = Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript === true && entry.optional !== true)
    .map(([path]) => path);
  expect(scripted).toEqual(["node_modules/node"]);
});

test("the lock file names the packages of every platform, so that npm ci accepts it", () => {
  expect(missingEntries(lock)).toEqual({});
});
