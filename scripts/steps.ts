import { check } from "./step.ts";
import { testStep } from "./test-step.ts";

/** `npm run check`: what needs nothing but Node, in under a minute. */
export const checkSteps = [
  check("format", "oxfmt", "--check"),
  check("lint", "oxlint"),
  check("types", "node", "scripts/check-types.ts"),
  check("code and links in the documents", "node", "scripts/check-docs.ts"),
  testStep("unit, type and repository tests", ["unit", "types", "repo"]),
  check("unused files, exports and dependencies", "knip"),
  check("build and package", "node", "scripts/check-package.ts"),
];

/** What `npm test` adds: servers, processes and browsers. */
export const processSteps = [
  // They wait more than they work: more files at a time than most machines have cores.
  testStep("integration and browser tests", ["integration", "browser"], ["--maxWorkers=4"]),
  check("torture", "npm", "run", "--silent", "torture"),
];
