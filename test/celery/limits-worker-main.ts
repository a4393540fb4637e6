import { setTimeout as delay } from "node:timers/promises";

import { openRedis } from "../../src/redis/index.ts";
import { createTasks, currentTask } from "../../src/tasks/index.ts";

/** A worker whose tasks have limits, and write down when they begin and end; it runs until it is killed. */
const [, , url = "", leaseMs = ""] = process.argv;
const redis = openRedis(url);
const tasks = createTasks({ broker: url, results: url });

async function note(what: "begin" | "end", key: string): Promise<void> {
  await redis.command(["RPUSH", "journal", `${what} ${process.pid} ${key}`]);
}

const concurrency = { limit: 2, key: ([key]: readonly unknown[]) => String(key) };
tasks.task("limits.keyed", { concurrency }, async (key: string, waitMs: number) => {
  await note("begin", key);
  await delay(waitMs);
  await note("end", key);
  return process.pid;
});

tasks.task("limits.held", { concurrency }, async (key: string) => {
  await note("begin", key);
  // Only who runs it first waits until it is let go.
  while (currentTask().runs === 1 && (await redis.command(["EXISTS", "release"])) === 0)
    await delay(20);
  await note("end", key);
  return process.pid;
});

const rateLimit = { count: 20, perMs: 1_000, scope: "global" } as const;
tasks.task("limits.paced", { rateLimit }, () => Date.now());

await tasks.createWorker({ concurrency: 8, leaseMs: Number(leaseMs) }).start();
process.stdout.write("ready\n");
