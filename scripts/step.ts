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
}

/** A step that runs a command of `node_modules/.bin` or a script, and passes when that exits with 0. */
export function check(name: string, command: string, ...args: readonly string[]): Step {
  return {
    name,
    run: async () =>
      (await runCommand(command, args)) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 },
  };
}

/**
 * Runs every step, also after one that failed, and prints what came of each.
 *
 * The last line is `N passed, N failed`. Returns the exit code.
 */
export async function runSteps(steps: readonly Step[]): Promise<number> {
  const lines: string[] = [];
  let passed = 0;
  let failed = 0;
  for (const step of steps) {
    console.log(`\n── ${step.name}`);
    const startedAt = performance.now();
    const result = await step.run();
    passed += result.passed;
    failed += result.failed;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    lines.push(`${result.failed === 0 ? "ok    " : "FAILED"} ${step.name} (${seconds} s)`);
  }
  console.log(`\n${lines.join("\n")}\n`);
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
