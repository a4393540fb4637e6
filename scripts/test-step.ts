import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runCommand, type Step } from "./step.ts";
import { readTestReport } from "./test-report.ts";

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
        return readTestReport(await readFile(report, "utf8").catch(() => "{}"), code);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  };
}
