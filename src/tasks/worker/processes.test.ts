import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import type { TaskRecord } from "../results/task-record.ts";
import { createTasks, type Tasks } from "../tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-processes-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true }));

/** A worker of its own process, which ends with ours. Its task ends by itself only if it has been started before. */
const WORKER = `
  import { createTasks, currentTask } from ${JSON.stringify(new URL("../index.ts", import.meta.url).href)};
  const url = process.env.TASKS_URL;
  const tasks = createTasks({ broker: url, results: url });
  tasks.task("tasks.second-time", async () => {
    const { runs, signal } = currentTask();
    await currentTask().progress({ done: runs, total: 2 });
    if (runs > 1) return "done by " + process.pid;
    const { promise, reject } = Promise.withResolvers();
    signal.addEventListener("abort", () => reject(signal.reason));
    return promise;
  });
  const worker = tasks.createWorker({ leaseMs: Number(process.env.LEASE_MS) });
  process.once("SIGTERM", async () => {
    await worker.stop({ signal: AbortSignal.timeout(1) });
    await tasks.close();
  });
  await worker.start();
  process.stdin.on("end", () => process.exit()).resume().unref();
`;

interface WorkerProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
}

/** Others may have its tasks when it has stood still for `leaseMs`. */
function startWorkerProcess(url: string, leaseMs = 60_000): WorkerProcess {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", WORKER], {
    env: { ...process.env, TASKS_URL: url, LEASE_MS: String(leaseMs) },
    stdio: ["pipe", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  return {
    child,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function waitForRun(tasks: Tasks, id: string, run: number): Promise<TaskRecord> {
  for await (const record of tasks.results.watch(id, { signal: AbortSignal.timeout(20_000) })) {
    if (record.state === "STARTED" && record.runs === run) return record;
  }
  throw new Error(`never started; the record is ${JSON.stringify(await tasks.results.get(id))}`);
}

describe("workers in other processes", () => {
  test("finish what a worker that was killed with SIGKILL left in the middle", async () => {
    const url = `sqlite:${folder}/${files++}.db`;
    await using tasks = createTasks({ broker: url, results: url });
    await using first = startWorkerProcess(url, 500);
    const result = await tasks.sendTask("tasks.second-time");
    expect(await waitForRun(tasks, result.id, 1)).toMatchObject({ worker: { pid: first.pid } });
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    await using second = startWorkerProcess(url);
    expect(await result.get({ timeoutMs: 20_000 })).toBe(`done by ${second.pid}`);
    expect(await result.record()).toMatchObject({
      runs: 2,
      retries: 0,
      worker: { pid: second.pid },
    });
  });

  test("are told of a cancelled task", async () => {
    const url = `sqlite:${folder}/${files++}.db`;
    await using tasks = createTasks({ broker: url, results: url });
    await using worker = startWorkerProcess(url);
    const result = await tasks.sendTask("tasks.second-time");
    expect(await waitForRun(tasks, result.id, 1)).toMatchObject({ worker: { pid: worker.pid } });
    await result.cancel();
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "TASK_CANCELLED",
    });
  });

  test("hand back what they cannot finish when they are stopped", async () => {
    const url = `sqlite:${folder}/${files++}.db`;
    await using tasks = createTasks({ broker: url, results: url });
    await using first = startWorkerProcess(url);
    const result = await tasks.sendTask("tasks.second-time");
    await waitForRun(tasks, result.id, 1);
    first.child.kill("SIGTERM");
    const [code] = await once(first.child, "exit");
    expect(code).toBe(0);
    await using second = startWorkerProcess(url);
    expect(await result.get({ timeoutMs: 20_000 })).toBe(`done by ${second.pid}`);
  });

  test("run each task once when several share a queue", async () => {
    const url = `sqlite:${folder}/${files++}.db`;
    await using tasks = createTasks({ broker: url, results: url });
    await using first = startWorkerProcess(url);
    await using second = startWorkerProcess(url);
    const results = await Promise.all(
      Array.from({ length: 300 }, () => tasks.sendTask("tasks.unknown")),
    );
    await Promise.all(results.map((result) => result.get({ timeoutMs: 20_000 }).catch(() => null)));
    const records = await Promise.all(results.map((result) => result.record()));
    expect(new Set(records.map(({ runs }) => runs))).toEqual(new Set([1]));
    const pids = new Set(records.map(({ worker }) => worker?.pid));
    expect(pids.isSubsetOf(new Set([undefined, first.pid, second.pid]))).toBe(true);
  });
});
