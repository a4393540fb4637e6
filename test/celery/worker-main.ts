import { setTimeout as delay } from "node:timers/promises";

import { createTasks, currentTask } from "../../src/tasks/index.ts";

/** A worker in a process of its own, on the broker and the results of its arguments; it runs until it is killed. */
const [, , broker = "", results = broker, diesAfter = "0"] = process.argv;
let runs = 0;
const tasks = createTasks({ broker, results });
tasks.task("shared.slow", async (waitMs: number) => {
  if (currentTask().runs === 1) await delay(waitMs);
  return process.pid;
});
tasks.task("shared.add", async (...numbers: readonly number[]) => {
  // The moment is left to chance: before or after it has ended.
  if (++runs === Number(diesAfter)) void delay(Math.random() * 40).then(() => die());
  await delay(20);
  return numbers.reduce((sum, n) => sum + n, 0);
});
tasks.task("shared.sum", (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0));
tasks.task("shared.crash", die);
await tasks.createWorker({ concurrency: 2, leaseMs: 1_000 }).start();
process.stdout.write("ready\n");

function die(): void {
  process.kill(process.pid, "SIGKILL");
}
