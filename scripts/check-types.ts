import { globSync } from "node:fs";

import { runCommand } from "./step.ts";

// The whole, the browser-safe folders without Node's types, and whatever has a tsconfig.json of its own.
const projects = [
  "tsconfig.json",
  "tsconfig.browser.json",
  ...globSync("{examples,test}/**/tsconfig.json").toSorted(),
];

for (const project of projects) {
  console.log(`tsc -p ${project}`);
  if ((await runCommand("tsc", ["--noEmit", "-p", project])) !== 0) process.exitCode = 1;
}
