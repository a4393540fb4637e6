import { relative } from "node:path";

import { z } from "zod";

import type { StepResult } from "./step.ts";

/** What this reads of the file that Vitest's JSON reporter writes. */
const reportSchema = z.object({
  testResults: z
    .array(
      z.object({
        name: z.string(),
        message: z.string().default(""),
        status: z.string(),
        assertionResults: z.array(
          z.object({
            fullName: z.string(),
            status: z.string(),
            failureMessages: z.array(z.string()).default([]),
          }),
        ),
      }),
    )
    .default([]),
});

/**
 * Counts the tests of a report, and names those that failed and those that passed only when they were run again.
 *
 * A run that failed without a failed test, or left no report, counts as one failure.
 */
export function readTestReport(text: string, exitCode: number): StepResult {
  const files = reportSchema.parse(JSON.parse(text)).testResults;
  const notes: string[] = [];
  let passed = 0;
  let failed = 0;
  for (const file of files) {
    const path = relative(process.cwd(), file.name);
    if (
      file.status === "failed" &&
      file.assertionResults.every((test) => test.status !== "failed")
    ) {
      notes.push(`failed: ${path}: ${firstLine(file.message)}`);
    }
    for (const test of file.assertionResults) {
      const [message] = test.failureMessages;
      if (test.status !== "passed") {
        failed += 1;
        notes.push(`${test.status}: ${path} > ${test.fullName}: ${firstLine(message)}`);
        continue;
      }
      passed += 1;
      if (message !== undefined) {
        notes.push(`passed when run again: ${path} > ${test.fullName}: ${firstLine(message)}`);
      }
    }
  }
  if (exitCode !== 0 && notes.length === 0) {
    notes.push(`failed: the run ended with ${exitCode}, and none of its tests failed`);
  }
  return { passed, failed: exitCode === 0 ? failed : Math.max(failed, 1), notes };
}

function firstLine(message = "it was not run"): string {
  return message.split("\n", 1).join("").slice(0, 300);
}
