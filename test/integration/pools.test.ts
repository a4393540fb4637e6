import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, describe, expect, test } from "vitest";

import {
  Decimal,
  type ChildrenOptions,
  type TaskRecord,
  type Tasks,
  type Worker,
  type WorkerOptions,
} from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { createPoolTasks, URL_VARIABLE } from "./pool-tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-pools-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true, maxRetries: 10 }));

const MODULE = new URL("./pool-module.ts", import.meta.url);
const KINDS = ["threads", "processes"] as const;
const SOON = { timeoutMs: 30_000 };

interface Started extends AsyncDisposable {
  readonly tasks: Tasks;
  readonly worker: Worker;
}

/** A worker with a pool, on a file of its own. */
async function startPool(
  kind: ChildrenOptions["kind"],
  pool: Partial<ChildrenOptions> = {},
  options: WorkerOptions = {},
): Promise<Started> {
  const url = `sqlite:${folder}/${files++}.db`;
  process.env[URL_VARIABLE] = url;
  const tasks = createPoolTasks(url);
  const worker = tasks.createWorker({
    concurrency: 1,
    leaseMs: 1_500,
    pool: { kind, module: MODULE, ...pool },
    ...options,
  });
  await worker.start();
  return {
    tasks,
    worker,
    async [Symbol.asyncDispose]() {
      await worker.stop({ signal: AbortSignal.timeout(1) });
      await tasks.close();
    },
  };
}

async function run(tasks: Tasks, name: string, ...args: readonly unknown[]): Promise<unknown> {
  return await (await tasks.sendTask(name, args)).get(SOON);
}

/** Waits for the first record that fits. */
async function waitFor(
  tasks: Tasks,
  id: string,
  fits: (record: TaskRecord) => boolean,
): Promise<TaskRecord> {
  for await (const record of tasks.results.watch(id, { signal: AbortSignal.timeout(30_000) })) {
    if (fits(record)) return record;
  }
  throw new Error(`no record fits; the last is ${JSON.stringify(await tasks.results.get(id))}`);
}

const hasBegun = ({ progress, logs }: TaskRecord): boolean => progress !== null || logs.length > 0;

describe.each(KINDS)("a pool of %s", (kind) => {
  test("runs tasks elsewhere, whose values, words and errors arrive", async () => {
    await using pool = await startPool(kind, {}, { concurrency: 2 });
    const { tasks } = pool;
    const where = await run(tasks, "pool.where");
    expect(where).not.toEqual({ pid: process.pid, threadId: 0 });
    const decimal = new Decimal("1.10");
    expect(await run(tasks, "pool.echo", decimal, "ü")).toEqual([decimal, "ü", true]);
    const talk = await tasks.sendTask("pool.talk");
    expect(await talk.get(SOON)).toBe(1);
    expect(await talk.record()).toMatchObject({
      progress: { done: 2, total: 2 },
      logs: [{ text: "half of it" }],
    });
    await expect(run(tasks, "pool.silence")).rejects.toMatchObject({
      cause: { type: "OPTION_INVALID" },
    });
    await expect(run(tasks, "pool.fail")).rejects.toMatchObject({
      cause: { type: "RangeError", message: "failed in run 2" },
    });
    expect(await run(tasks, "pool.retry")).toBe(1);
    const unsendable = await tasks.sendTask("pool.unsendable");
    await expect(unsendable.get(SOON)).rejects.toThrow("at the result.at");
    expect(await unsendable.record()).toMatchObject({ retries: 0 });
    await expect(run(tasks, "pool.unknown")).rejects.toMatchObject({
      cause: { type: "TASK_NOT_REGISTERED" },
    });
  });

  test("knows who runs it, names the tasks that it has sent, and has states of its own", async () => {
    await using pool = await startPool(kind, {}, { name: "one@here" });
    const { tasks } = pool;
    const sent = await tasks.sendTask("pool.relatives", [], { headers: { tenant: "acme" } });
    const { child, ...seen } = Object(await sent.get(SOON));
    expect(seen).toEqual({ workerName: "one@here", headers: { tenant: "acme" } });
    expect(await sent.record()).toMatchObject({ children: [{ id: child }] });
    const busy = await tasks.sendTask("pool.state");
    const { custom } = await waitFor(tasks, busy.id, (record) => record.custom !== null);
    expect(custom).toMatchObject({ state: "BUSY" });
    await busy.cancel();
    await expect(busy.get(SOON)).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  });

  test("rejects and ignores messages", async () => {
    await using pool = await startPool(kind);
    const { tasks } = pool;
    const sent = await tasks.sendTask("pool.control");
    await eventually(async () => {
      const { waiting, delayed, taken } = await tasks.queues.count("celery");
      return waiting + (delayed ?? 0) + (taken ?? 0) === 0;
    });
    expect(["PENDING", "STARTED"]).toContain((await sent.record()).state);
  });

  test("sends what a task sends as that task", async () => {
    await using pool = await startPool(kind);
    const sent = await run(pool.tasks, "pool.send");
    const { own, child } = sent as { readonly own: string; readonly child: string };
    expect(await pool.tasks.result(child).get(SOON)).toEqual({ rootId: own, parentId: own });
  });

  test("ends a function that never waits at its time limit, and goes on", async () => {
    await using pool = await startPool(kind, {}, { concurrency: 2 });
    const { tasks } = pool;
    const other = await tasks.sendTask("pool.deaf", [1_500]);
    const blocked = await tasks.sendTask("pool.block", [60_000], { timeLimitMs: 1_000 });
    await expect(blocked.get(SOON)).rejects.toMatchObject({ cause: { type: "TASK_TIME_LIMIT" } });
    // Its lease was kept meanwhile, as was that of the other.
    expect(await blocked.record()).toMatchObject({ state: "FAILURE", runs: 1 });
    expect(await other.get(SOON)).toBe(1);
    expect(await run(tasks, "pool.retry")).toBe(1);
  });

  test("tells a function of its soft limit", async () => {
    await using pool = await startPool(kind);
    const slow = await pool.tasks.sendTask("pool.slow", [60_000], { softTimeLimitMs: 100 });
    await expect(slow.get(SOON)).rejects.toMatchObject({
      cause: { type: "TASK_SOFT_TIME_LIMIT" },
    });
  });

  test("runs a task again whose thread or process has ended, and gives it up in the end", async () => {
    const task = kind === "threads" ? "pool.exit" : "pool.crash";
    await using pool = await startPool(kind, {}, { maxDeliveries: 2 });
    const { tasks } = pool;
    expect(await run(tasks, task, 1)).toBe(2);
    if (kind === "threads") return;
    const poison = await tasks.sendTask("pool.crash", [100]);
    await expect(poison.get(SOON)).rejects.toMatchObject({ cause: { type: "TASK_WORKER_LOST" } });
    expect(await run(tasks, "pool.retry")).toBe(1);
  });

  test("lets what runs be harmed by no promise that a task forgets", async () => {
    await using pool = await startPool(kind);
    const before = await run(pool.tasks, "pool.where");
    expect(await run(pool.tasks, "pool.forget")).toBe(1);
    expect(await run(pool.tasks, "pool.where")).toEqual(before);
  });

  test("fails a task whose callback throws, once, and replaces what ran it", async () => {
    await using pool = await startPool(kind);
    const before = await run(pool.tasks, "pool.where");
    const sent = await pool.tasks.sendTask("pool.throw-later");
    await expect(sent.get(SOON)).rejects.toMatchObject({
      cause: { type: "RangeError", message: "thrown later" },
    });
    expect(await sent.record()).toMatchObject({ runs: 1 });
    expect(await run(pool.tasks, "pool.where")).not.toEqual(before);
  });

  test("runs others while a task waits that kills what runs it", async () => {
    const task = kind === "threads" ? "pool.quit" : "pool.crash";
    await using pool = await startPool(kind);
    const poison = await pool.tasks.sendTask(task, [100]);
    await waitFor(pool.tasks, poison.id, ({ runs }) => runs >= 2);
    expect(await run(pool.tasks, "pool.retry")).toBe(1);
    expect((await poison.record()).state).toBe("STARTED");
    await poison.cancel();
  });

  test("replaces a child after so many tasks", async () => {
    await using pool = await startPool(kind, { maxTasksPerChild: 2 });
    const seen: unknown[] = [];
    for (let count = 0; count < 4; count++) seen.push(await run(pool.tasks, "pool.where"));
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).not.toEqual(seen[1]);
    expect(seen[3]).toEqual(seen[2]);
  });

  test("replaces a child that holds too much", async () => {
    await using pool = await startPool(kind, { maxMemoryPerChildBytes: 1_000_000 });
    const first = await run(pool.tasks, "pool.where");
    expect(await run(pool.tasks, "pool.where")).not.toEqual(first);
  });

  test("hands back what does not end when the worker stops, and ends what ran it", async () => {
    const pool = await startPool(kind);
    const { tasks, worker } = pool;
    const slow = await tasks.sendTask("pool.block", [60_000]);
    const { progress } = await waitFor(tasks, slow.id, hasBegun);
    await worker.stop({ signal: AbortSignal.timeout(1) });
    expect(kind === "processes" && isAlive(progress?.done ?? 0)).toBe(false);
    expect(await tasks.result(slow.id).record()).toMatchObject({ state: "STARTED", runs: 1 });
    expect(await tasks.runtime.broker.contents.count("celery")).toMatchObject({ waiting: 1 });
    await tasks.close();
  });

  test("cannot start with a module that cannot be loaded", async () => {
    await expect(startPool(kind, { module: "./no-such-module.ts" })).rejects.toThrow(
      "no-such-module.ts",
    );
    const empty = new URL("./socket.ts", import.meta.url);
    await expect(startPool(kind, { module: empty })).rejects.toThrow("to export tasks");
  });
});

test("a function that never waits is ended 5 seconds after it was cancelled", async () => {
  await using pool = await startPool("processes");
  const { tasks } = pool;
  const blocked = await tasks.sendTask("pool.block", [60_000]);
  await waitFor(tasks, blocked.id, hasBegun);
  await blocked.cancel();
  await expect(blocked.get(SOON)).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  expect(await run(tasks, "pool.retry")).toBe(1);
});

test("processes die with their worker, even in the middle of a function that never waits", async () => {
  const url = `sqlite:${folder}/${files++}.db`;
  process.env[URL_VARIABLE] = url;
  await using tasks = createPoolTasks(url);
  await using parent = startProcess();
  const blocked = await tasks.sendTask("pool.block-once");
  const { progress } = await waitFor(tasks, blocked.id, hasBegun);
  const pid = progress?.done ?? 0;
  expect(isAlive(pid)).toBe(true);
  parent.child.kill("SIGKILL");
  await expect.poll(() => isAlive(pid), { interval: 50 }).toBe(false);
  await using worker = tasks.createWorker({ leaseMs: 1_500 });
  await worker.start();
  expect(await blocked.get(SOON)).toBe(2);
});

test("what a worker that stands still has is run by another, and recorded once", async () => {
  const url = `sqlite:${folder}/${files++}.db`;
  process.env[URL_VARIABLE] = url;
  await using tasks = createPoolTasks(url);
  await using first = startProcess();
  const sent = await tasks.sendTask("pool.deaf", [1_000]);
  await waitFor(tasks, sent.id, hasBegun);
  // Its loop stands still: it renews no lease, and wakes up when another one has the task.
  first.child.kill("SIGSTOP");
  await using second = startProcess();
  expect(second.child.pid).not.toBe(first.child.pid);
  await waitFor(tasks, sent.id, ({ runs }) => runs >= 2);
  first.child.kill("SIGCONT");
  expect(await sent.get(SOON)).toBe(2);
  expect(await sent.record()).toMatchObject({ state: "SUCCESS", runs: 2 });
});

test("a task that blocks the event loop of its worker is run by another, and recorded once", async () => {
  const url = `sqlite:${folder}/${files++}.db`;
  process.env[URL_VARIABLE] = url;
  await using tasks = createPoolTasks(url);
  await using first = startProcess("async");
  const sent = await tasks.sendTask("pool.block-once");
  const { worker } = await waitFor(tasks, sent.id, hasBegun);
  expect(worker?.pid).toBe(first.child.pid);
  await using second = startProcess("async");
  expect(await sent.get(SOON)).toBe(2);
  const record = await sent.record();
  expect(record).toMatchObject({ state: "SUCCESS", runs: 2, worker: { pid: second.child.pid } });
  // The first one goes on, is refused, and does what is next.
  second.child.kill("SIGKILL");
  const next = await tasks.sendTask("pool.where");
  expect(await next.get(SOON)).toMatchObject({ pid: first.child.pid });
  expect(await sent.record()).toEqual(record);
});

interface WorkerProcess extends AsyncDisposable {
  readonly child: ChildProcess;
}

/** A process with a worker. */
function startProcess(pool = "processes"): WorkerProcess {
  const main = fileURLToPath(new URL("./pool-worker-main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, pool], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "exit");
  return {
    child,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH: there is none
  }
}
