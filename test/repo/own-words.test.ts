import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { readManifest } from "./manifest.ts";

const files = execFileSync(
  "git",
  ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
  {
    encoding: "utf8",
  },
)
  .split("\0")
  .filter((path) => /\.(ts|tsx|md|css|json|jsonc|html)$|^\.ci\//.test(path))
  .filter((path) => path !== "test/repo/own-words.test.ts");

test("no file names a folder of one machine", () => {
  const machinePath = /(?<![\w.:/])\/(?:home|Users|root|work)\/[\w.-]+/;
  expect(files.filter((path) => machinePath.test(read(path)))).toEqual([]);
});

test("the lock file names no registry", () => {
  const hosts = [...read("package-lock.json").matchAll(/"resolved": "([^"]+)"/g)].map(
    ([, url]) => url,
  );
  expect(hosts.filter((url) => !url?.startsWith("https://registry.npmjs.org/"))).toEqual([]);
  expect(read("package-lock.json")).toContain(`"version": "${readManifest().version}"`);
});

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // listed, but removed from the folder
  }
}
