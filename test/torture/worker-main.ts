import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { Logger } from "../../src/core/logger.ts";
import { createTasks, currentTask } from "../../src/tasks/index.ts";
import { Journal } from "./journal.ts";
import { BEAT_MS, LEASE_MS, LIMITED, UNIQUE } from "./settings.ts";

/** A worker that writes down each run, in a process of its own: arguments are URLs, folder, and name. */
const [, , broker = "", results = "", folder = "", name = ""] = process.argv;
const journal = new Journal(folder, name);
const tasks = createTasks({ broker, results });

/** Works for so long, or until it is told to end; returns what the run calls itself. */
async function work(key: string | null, workMs: number): Promise<string> {
  const { id, name: task, retries, runs, signal } = currentTask();
  const run = randomUUID();
  journal.write({ kind: "started", run, id, task, key, attempt: retries, runs, pid: process.pid });
  try {
    await delay(workMs, undefined, { signal });
    return run;
  } finally {
    journal.write({ kind: "ended", run });
  }
}

tasks.task("torture.work", (workMs: number) => work(null, workMs));
tasks.task(
  "torture.flaky",
  { maxRetries: 4, retryDelayMs: 200 },
  async (workMs: number, failures: number) => {
    const run = await work(null, workMs);
    if (currentTask().retries < failures) throw new Error("not yet");
    return run;
  },
);
tasks.task("torture.failing", async (workMs: number) => {
  await work(null, workMs);
  throw new Error("as asked");
});
for (const { task, options } of [LIMITED, UNIQUE]) {
  tasks.task(task, options, (key: string, workMs: number) => work(key, workMs));
}

/** What a worker records is told by its log: each line below follows an outcome that was not refused. */
const SETTLED: ReadonlyMap<string, { readonly final: boolean }> = new Map([
  ["task succeeded", { final: true }],
  ["task failed", { final: true }],
  ["task failed and will be tried again", { final: false }],
]);

function hear(fields: object, message: string): void {
  const settled = SETTLED.get(message);
  if (!settled) return;
  if (!("id" in fields && "runs" in fields && "retries" in fields)) return;
  const [id, runs, attempt] = [String(fields.id), Number(fields.runs), Number(fields.retries)];
  journal.write({ kind: "settled", id, attempt, runs, ...settled, pid: process.pid });
}

const logger: Logger = { debug: hear, info: hear, warn: hear, error: hear };
const worker = tasks.createWorker({ name, logger, concurrency: 40, leaseMs: LEASE_MS });
await worker.start();
process.once("SIGTERM", () => void stop());
process.once("disconnect", () => process.exit());
process.send?.("ready");
const beat = setInterval(() => process.send?.("beat"), BEAT_MS);

async function stop(): Promise<void> {
  await worker.stop({ signal: AbortSignal.timeout(500) });
  await tasks.close();
  clearInterval(beat);
  process.disconnect();
}
