import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { createTasks, type Tasks } from "../tasks.ts";
import type { Worker } from "../worker/worker.ts";

let tasks: Tasks;
let worker: Worker;
let release: () => void;

beforeEach(async () => {
  tasks = createTasks({ broker: "memory:", results: "memory:" });
  const { promise: released, resolve } = Promise.withResolvers<void>();
  release = resolve;
  tasks.task("t.add", { rateLimit: "7/m", maxRetries: 3 }, (x: number, y: number) => x + y);
  tasks.task("t.wait", { parameters: "object", softTimeLimitMs: 90_000 }, () => released);
  worker = tasks.createWorker({
    name: "one@here",
    queues: ["celery"],
    concurrency: 1,
    prefetchMultiplier: 2,
    timeLimitMs: 100_000,
  });
  await worker.start();
});

afterEach(async () => {
  release();
  await worker.stop();
  await tasks.close();
});

async function ask(method: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
  const destination = ["one@here"];
  const answers = await tasks.control.ask(method, { arguments: args, destination });
  return answers.get("one@here");
}

describe("a worker that is told", () => {
  test.each([
    ["10/m", "new rate limit set successfully"],
    ["0", "new rate limit set successfully"],
    [5, "new rate limit set successfully"],
    [0, "rate limit disabled successfully"],
    [null, "rate limit disabled successfully"],
  ])("a rate of %s runs a task so often", async (rate, ok) => {
    expect(await ask("rate_limit", { task_name: "t.add", rate_limit: rate })).toEqual({ ok });
  });

  test("a rate of its own forgets the one that the task has", async () => {
    expect(await ask("registered")).toEqual(["t.add [rate_limit=7/m]", "t.wait"]);
    const sent = await tasks.sendMany([1, 2, 3].map((n) => ({ name: "t.add", args: [n, n] })));
    await sent[0]?.get();
    expect(await sent[2]?.state()).toBe("PENDING");
    await ask("rate_limit", { task_name: "t.add", rate_limit: "100/s" });
    expect(await ask("registered")).toEqual(["t.add [rate_limit=100/s]", "t.wait"]);
    expect(await sent[2]?.get({ timeoutMs: 20_000 })).toBe(6);
    await ask("rate_limit", { task_name: "t.add", rate_limit: "0" });
    expect(await ask("registered")).toEqual(["t.add", "t.wait"]);
  });

  test("a rate that is none, or of no task, says so", async () => {
    expect(await ask("rate_limit", { task_name: "t.add", rate_limit: "often" })).toEqual({
      error: expect.stringMatching(/^Invalid rate limit string: ValueError\(/),
    });
    expect(await ask("rate_limit", { task_name: "t.no", rate_limit: "1/s" })).toEqual({
      error: "unknown task",
    });
    expect(await ask("rate_limit")).toEqual({ error: expect.stringMatching(/^TypeError\(/) });
  });

  test("how long a task may run ends what runs longer", async () => {
    const limits = { task_name: "t.wait", soft: null, hard: 0.05 };
    expect(await ask("time_limit", limits)).toEqual({ ok: "time limits set successfully" });
    const sent = await tasks.sendTask("t.wait");
    await expect(sent.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      cause: { type: "TASK_TIME_LIMIT" },
    });
    expect(await ask("time_limit", { task_name: "no" })).toEqual({ error: "unknown task" });
    for (const bad of [{ hard: -1 }, { soft: 2, hard: 1 }, { hard: "1" }]) {
      const answer = await ask("time_limit", { task_name: "t.wait", ...bad });
      expect(answer).toEqual({ error: expect.stringMatching(/^(Type|Tidings)Error\(/) });
    }
  });

  test("a queue takes from it at once, and no more when it is told so", async () => {
    const waiting = await tasks.sendTask("t.add", [1, 2], { queue: "mail" });
    expect(await ask("add_consumer", { queue: "mail", exchange: null })).toEqual({
      ok: "add consumer mail",
    });
    expect(await waiting.get({ timeoutMs: 20_000 })).toBe(3);
    expect(await ask("active_queues")).toMatchObject([{ name: "celery" }, { name: "mail" }]);
    for (const queue of ["mail", "never"]) {
      expect(await ask("cancel_consumer", { queue })).toEqual({
        ok: `no longer consuming from ${queue}`,
      });
    }
    const left = await tasks.sendTask("t.wait", [], { queue: "mail" });
    await (await tasks.sendTask("t.wait", [], { queue: "celery" })).cancel();
    expect(await left.state()).toBe("PENDING");
    await ask("cancel_consumer", { queue: "celery" });
    expect(await ask("active_queues")).toEqual([]);
    await ask("add_consumer", { queue: "celery" });
    expect(worker.queues).toEqual(["celery"]);
  });

  test("a queue that is none, or one too many, says so", async () => {
    expect(await ask("add_consumer", {})).toEqual({ error: expect.stringMatching(/TypeError/) });
    const far = { queue: "a", exchange: "b", exchange_type: "topic" };
    expect(await ask("add_consumer", far)).toEqual({ error: expect.stringMatching(/ValueError/) });
    for (let n = worker.queues.length; n < 1_000; n++) worker.addQueue(`q${n}`);
    expect(await ask("add_consumer", { queue: "more" })).toEqual({
      error: expect.stringMatching(/1000 names/),
    });
    expect(await ask("add_consumer", { queue: "q5" })).toEqual({ ok: "add consumer q5" });
  });

  test("to grow and shrink runs more tasks, or fewer", async () => {
    expect(await ask("pool_grow", { n: 2 })).toEqual({ ok: "pool will grow" });
    expect(worker.concurrency).toBe(3);
    expect(await ask("stats")).toMatchObject({ prefetch_count: 6, pool: { "max-concurrency": 3 } });
    expect(await ask("pool_shrink", {})).toEqual({ ok: "pool will shrink" });
    expect(worker.concurrency).toBe(2);
    // Celery's shrinks as far as it can, and answers with a ValueError, too.
    expect(await ask("pool_shrink", { n: 2 })).toEqual({
      error: "ValueError('the pool has room for 2 tasks, and keeps room for 1')",
    });
    expect(worker.concurrency).toBe(2);
    await ask("pool_shrink", { n: 1 });
    expect(worker.concurrency).toBe(1);
    for (const n of [0, -1, 1_001, 1.5, "2"]) {
      expect(await ask("pool_grow", { n })).toEqual({ error: expect.stringMatching(/TypeError/) });
    }
  });

  test("what it does not do is refused as Celery refuses it", async () => {
    expect(await ask("autoscale", { max: 3, min: 1 })).toEqual({
      error: "ValueError('Autoscale not enabled')",
    });
    expect(await ask("pool_restart")).toEqual({
      error: "ValueError('Pool restarts not enabled')",
    });
    expect(await ask("enable_events")).toEqual({ error: expect.stringMatching(/not supported/) });
    expect(await ask("disable_events")).toEqual({ ok: "task events already disabled" });
    expect(await ask("heartbeat")).toBeNull();
    expect(await ask("election", { id: "x", topic: "task" })).toBeNull();
  });
});

describe("a worker that scales itself", () => {
  test("takes new bounds, and is not grown by hand", async () => {
    await using scaling = tasks.createWorker({ name: "two@here", autoscale: { max: 2, min: 1 } });
    await scaling.start();
    const askIt = async (method: string, args: Readonly<Record<string, unknown>>) =>
      (await tasks.control.ask(method, { arguments: args, destination: ["two@here"] })).get(
        "two@here",
      );
    expect(await askIt("autoscale", { max: 9, min: 4 })).toEqual({
      ok: "autoscale now max=9 min=4",
    });
    expect(scaling.concurrency).toBe(4);
    expect(await askIt("autoscale", { max: 3, min: 2 })).toEqual({
      ok: "autoscale now max=3 min=2",
    });
    expect(scaling.concurrency).toBe(3);
    expect(await askIt("stats", {})).toMatchObject({
      autoscaler: { max: 3, min: 2, current: 3, qty: 0 },
    });
    expect(await askIt("autoscale", { max: 1 })).toEqual({
      error: expect.stringMatching(/TidingsError/),
    });
    expect(await askIt("pool_grow", { n: 1 })).toEqual({
      error: "pool_grow is not supported with autoscale. Adjust autoscale range instead.",
    });
    expect(await askIt("pool_shrink", { n: 1 })).toEqual({
      error: expect.stringMatching(/pool_shrink/),
    });
  });
});

describe("a worker that is asked", () => {
  test("tells what it has taken, and not begun", async () => {
    const [first, second] = await tasks.sendMany([{ name: "t.wait" }, { name: "t.wait" }]);
    await expect.poll(async () => await ask("reserved")).toHaveLength(1);
    expect(await ask("reserved")).toEqual([
      {
        id: second?.id,
        name: "t.wait",
        args: [],
        kwargs: {},
        type: "t.wait",
        hostname: "one@here",
        time_start: null,
        acknowledged: false,
        delivery_info: { exchange: "", routing_key: "celery", priority: 0, redelivered: false },
        worker_pid: null,
      },
    ]);
    expect(await ask("query_task", { ids: [first?.id, second?.id, "no"] })).toMatchObject({
      [first?.id ?? ""]: ["active", { worker_pid: process.pid, args: "()" }],
      [second?.id ?? ""]: ["reserved", { time_start: null }],
    });
    expect(await ask("terminate", { task_id: [second?.id] })).toEqual({
      ok: "terminate: tasks unknown",
    });
  });

  test("tells of its tasks what it is asked for", async () => {
    const taskinfoitems = ["max_retries", "soft_time_limit", "acks_late", "nosuch", 1];
    expect(await ask("registered", { taskinfoitems })).toEqual([
      "t.add [max_retries=3 acks_late=True]",
      "t.wait [soft_time_limit=90 acks_late=True]",
    ]);
  });

  test("tells what it is made of", async () => {
    expect(await ask("stats")).toMatchObject({
      prefetch_count: 2,
      pool: {
        implementation: "tidings:async",
        processes: [process.pid],
        "max-tasks-per-child": "N/A",
        "put-guarded-by-semaphore": false,
        timeouts: [0, 100],
      },
      rusage: { maxrss: expect.any(Number), nvcsw: expect.any(Number) },
    });
  });

  test("tells what memory it holds, and what it held when it was asked before", async () => {
    await ask("memdump");
    const held = await ask("memsample");
    expect(held).toMatch(/^\d+(\.\d+)?[KMG]B$/);
    expect(await ask("memdump", { samples: 1 })).toMatch(
      new RegExp(`^- rss \\(sample\\):\n-    > ${String(held)},\n- rss \\(end\\): .*B\\.\n$`),
    );
    expect(await ask("memdump")).toMatch(/^- rss \(end\)/);
  });
});
