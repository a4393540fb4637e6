import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runCommand, type Step, type StepResult } from "./step.ts";

/** A step that runs the tests of some of the projects in vitest.config.ts, and counts them. */
export function testStep(
  name: string,
  projects: readonly string[],
  options: readonly string[] = [],
): Step {
  return {
    name,
    run: async () => {
      const folder = await mkdtemp(join(tmpdir(), "tidings-test-"));
      try {
        const report = join(folder, "report.json");
        const code = await runCommand("vitest", [
          "run",
          ...projects.flatMap((project) => ["--project", project]),
          ...options,
          "--reporter=default",
          "--reporter=json",
          `--outputFile.json=${report}`,
        ]);
        return countTests(await readFile(report, "utf8").catch(() => "{}"), code);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  };
}

/** Reads the counts of a report; a run that failed without a failed test counts as one failure. */
function countTests(text: string, code: number): StepResult {
  const report: unknown = JSON.parse(text);
  const passed = numberAt(report, "numPassedTests");
  const failed = numberAt(report, "numTotalTests") - passed;
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1) };
}

function numberAt(report: unknown, key: string): number {
  const value: unknown = Object.entries(Object(report)).find(([name]) => name === key)?.[1];
  return typeof value === "number" ? value : 0;
}
