import { readFileSync, writeFileSync } from "node:fs";

import { type LockFile, missingEntries } from "./lock-file.ts";

// Run this after a change of dependencies: package-lock.json then serves every platform.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- npm has written it
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as LockFile;
const missing = missingEntries(lock);
const packages = Object.entries({ ...lock.packages, ...missing }).toSorted(([left], [right]) =>
  left.localeCompare(right, "en"),
);
const complete = { ...lock, packages: Object.fromEntries(packages) };
writeFileSync("package-lock.json", `${JSON.stringify(complete, null, 2)}\n`);
console.log(`${Object.keys(missing).length} entries added`);
