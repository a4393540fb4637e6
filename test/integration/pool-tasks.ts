import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { threadId } from "node:worker_threads";

import {
  createTasks,
  currentTask,
  Decimal,
  Ignore,
  Reject,
  Retry,
  type Tasks,
} from "../../src/tasks/index.ts";

/** Where the tasks of threads and processes are found: one of `test/integration/pool-module.ts`. */
export const URL_VARIABLE = "POOL_TASKS_URL";

/** Tasks that do well, and tasks that do harm. */
export function createPoolTasks(url: string): Tasks {
  const tasks = createTasks({ broker: url, results: url });
  tasks.task("pool.where", () => ({ pid: process.pid, threadId }));
  tasks.task("pool.echo", (value: unknown, text: string) => [
    value,
    text,
    value instanceof Decimal,
  ]);
  tasks.task("pool.talk", async () => {
    await currentTask().progress({ done: 1, total: 2 });
    await currentTask().log("half of it");
    await currentTask().progress({ done: 2, total: 2 });
    return currentTask().runs;
  });
  tasks.task("pool.silence", () => currentTask().progress({ done: -1, total: 2 }));
  tasks.task("pool.fail", { maxRetries: 1, retryDelayMs: 1 }, () => {
    throw new RangeError(`failed in run ${currentTask().runs}`);
  });
  tasks.task("pool.retry", { retryDelayMs: 1 }, () => {
    if (currentTask().retries === 0) throw new Retry({ countdownMs: 1 });
    return currentTask().retries;
  });
  tasks.task("pool.control", () => {
    if (currentTask().runs === 1) throw new Reject({ requeue: true, countdownMs: 1 });
    throw new Ignore();
  });
  tasks.task("pool.relatives", async () => {
    const { workerName, headers } = currentTask();
    const child = await tasks.sendTask("pool.where");
    return { workerName, headers, child: child.id };
  });
  tasks.task("pool.state", async () => {
    await currentTask().updateState("BUSY", { since: new Decimal("1.5") });
    await new Promise((resolve) => currentTask().signal.addEventListener("abort", resolve));
  });
  tasks.task("pool.unsendable", { maxRetries: 3 }, () => ({ at: () => 1 }));
  tasks.task("pool.crash", async (times: number) => {
    if (currentTask().runs <= times) process.kill(process.pid, "SIGKILL");
    return currentTask().runs;
  });
  tasks.task("pool.exit", () => {
    if (currentTask().runs === 1) process.exit(3);
    return currentTask().runs;
  });
  tasks.task("pool.quit", () => process.exit(3));
  tasks.task("pool.forget", async () => {
    void Promise.reject(new RangeError("forgotten"));
    await delay(1);
    return currentTask().runs;
  });
  tasks.task("pool.throw-later", async () => {
    setTimeout(() => {
      throw new RangeError("thrown later");
    });
    await delay(60_000);
  });
  tasks.task("pool.block", async (ms: number) => {
    const until = performance.now() + ms;
    await currentTask().progress({ done: process.pid, total: Number.MAX_SAFE_INTEGER });
    while (performance.now() < until);
    return "went on";
  });
  tasks.task("pool.block-once", async () => {
    const { runs } = currentTask();
    const flag = `${url.replace("sqlite:", "")}.run-again`;
    if (runs > 1) writeFileSync(flag, "");
    await currentTask().progress({ done: process.pid, total: Number.MAX_SAFE_INTEGER });
    await delay(50); // for the record to be stored
    const until = performance.now() + 50_000;
    while (!existsSync(flag) && performance.now() < until);
    return runs;
  });
  tasks.task("pool.slow", async (ms: number) => {
    await currentTask().progress({ done: process.pid, total: Number.MAX_SAFE_INTEGER });
    await delay(ms, undefined, { signal: currentTask().signal });
    return process.pid;
  });
  tasks.task("pool.deaf", async (ms: number) => {
    await currentTask().log("begun");
    await delay(ms);
    return currentTask().runs;
  });
  tasks.task("pool.send", async () => {
    const child = await tasks.sendTask("pool.family");
    return { own: currentTask().id, child: child.id };
  });
  tasks.task("pool.family", () => {
    const { rootId, parentId } = currentTask();
    return { rootId, parentId };
  });
  return tasks;
}
