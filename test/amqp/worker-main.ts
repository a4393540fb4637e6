import { setTimeout as delay } from "node:timers/promises";

import { createTasks } from "../../src/tasks/index.ts";

/** A worker in a process of its own: broker and results are its arguments; it runs until it is killed. */
const [, , broker = "", results = ""] = process.argv;
const tasks = createTasks({ broker, results });
tasks.task("shared.slow", { queue: "killed" }, async (waitMs: number) => {
  await delay(waitMs);
  return process.pid;
});
await tasks.createWorker({ concurrency: 2 }).start();
process.stdout.write("ready\n");
