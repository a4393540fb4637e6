import { spawn } from "node:child_process";

/** One thing that `npm run check` or `npm test` does. */
export interface Step {
  readonly name: string;
  readonly run: () => Promise<StepResult>;
}

/** What came of a step: a check counts as one, a test run as its tests. */
export interface StepResult {
  readonly passed: number;
  readonly failed: number;
  /** What to read first when a step failed: a line for each test that did, or that passed only the second time. */
  readonly notes: readonly string[];
}

/** Lines about single tests at the end of a run, at most: more of them say the same. */
const MAX_NOTES = 20;

/** A step that runs a command of `node_modules/.bin` or a script, and passes when that exits with 0. */
export function check(name: string, command: string, ...args: readonly string[]): Step {
  return {
    name,
    run: async () =>
      (await runCommand(command, args)) === 0
        ? { passed: 1, failed: 0, notes: [] }
        : { passed: 0, failed: 1, notes: [`failed: ${name}`] },
  };
}

/**
 * Runs every step, also after one that failed, and prints what came of each, failed tests last.
 *
 * The last line is `N passed, N failed`. Returns the exit code.
 */
export async function runSteps(steps: readonly Step[]): Promise<number> {
  const lines: string[] = [];
  const notes: string[] = [];
  let passed = 0;
  let failed = 0;
  for (const step of steps) {
    console.log(`\n── ${step.name}`);
    const startedAt = performance.now();
    const result = await step.run();
    passed += result.passed;
    failed += result.failed;
    notes.push(...result.notes);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    lines.push(`${result.failed === 0 ? "ok    " : "FAILED"} ${step.name} (${seconds} s)`);
  }
  console.log(`\n${[...lines, ...notes.slice(0, MAX_NOTES)].join("\n")}\n`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Runs a command with this terminal's output, and returns its exit code. */
export async function runCommand(command: string, args: readonly string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  spawn(command, args, { stdio: "inherit" })
    .once("error", reject)
    .once("exit", (code, signal) => resolve(code ?? (signal === null ? 0 : 1)));
  return await promise;
}
