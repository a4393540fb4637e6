import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as endOfTick } from "node:timers/promises";

import { afterAll, describe, expect, test, vi } from "vitest";

import { TidingsError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { TakeRequest } from "../brokers/broker.ts";
import { MemoryBroker } from "../brokers/memory.ts";
import { currentTask } from "../current-task.ts";
import { encodeMessage } from "../message/encode.ts";
import { markRedelivered } from "../message/redelivered.ts";
import { MemoryResults } from "../results/memory.ts";
import { pendingRecord, type TaskRecord } from "../results/task-record.ts";
import { Retry } from "../retry.ts";
import { createTasks, type Tasks, type TasksOptions } from "../tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-worker-"));
let files = 0;
const newFile = (): string => join(folder, `${files++}.db`);

afterAll(() => rm(folder, { recursive: true }));

function makeTasks(options: Partial<TasksOptions> = {}): Tasks {
  return createTasks({ broker: "memory:", results: "memory:", ...options });
}

/** Waits for the first record that fits. */
async function waitFor(
  tasks: Tasks,
  id: string,
  fits: (record: TaskRecord) => boolean,
): Promise<TaskRecord> {
  for await (const record of tasks.results.watch(id, { signal: AbortSignal.timeout(20_000) })) {
    if (fits(record)) return record;
  }
  throw new Error(`no record fits; the last is ${JSON.stringify(await tasks.results.get(id))}`);
}

const isRunning = ({ state }: TaskRecord): boolean => state === "STARTED";

/** A task that goes on until its signal fires, and then ends as the test says. */
function defineEndless(tasks: Tasks, end: (reason: unknown) => unknown) {
  return tasks.task("tasks.endless", async () => {
    const { signal } = currentTask();
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
    await promise;
    return end(signal.reason);
  });
}

/** A logger that keeps what it is told. */
function keepLogs(): { readonly logger: Logger; readonly lines: (readonly [string, object])[] } {
  const lines: (readonly [string, object])[] = [];
  const keep = (fields: object, message: string): void => void lines.push([message, fields]);
  return { logger: { debug() {}, info: keep, warn: keep, error: keep }, lines };
}

describe("a worker", () => {
  const unspeakable = {
    "what has no text": () => Object.create(null) as unknown,
    "what throws when it is looked at": () =>
      new Proxy(
        {},
        {
          getPrototypeOf: () => {
            throw new Error("no");
          },
        },
      ),
    "an error whose message throws": () =>
      Object.defineProperty(new Error("x"), "message", {
        get: () => {
          throw new Error("no");
        },
      }),
    "an error whose message is no text": () => Object.assign(new Error("x"), { message: 5 }),
    "a symbol": () => Symbol("no"),
  };
  test.each(Object.entries(unspeakable))("ends a task that throws %s", async (_, make) => {
    await using tasks = makeTasks();
    const odd = tasks.task("tasks.odd", () => {
      throw make();
    });
    const { id } = await odd.delay();
    await using worker = tasks.createWorker();
    await worker.start();
    const record = await waitFor(tasks, id, ({ finishedAt }) => finishedAt !== null);
    expect(record).toMatchObject({ state: "FAILURE", runs: 1, error: { type: "Error" } });
    expect(record.error?.message).toContain("thrown: ");
  });

  test("runs no more tasks at once than its concurrency", async () => {
    await using tasks = makeTasks();
    let running = 0;
    let most = 0;
    const busy = tasks.task("tasks.busy", async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    const results = await Promise.all(Array.from({ length: 40 }, () => busy.delay()));
    await using worker = tasks.createWorker({ concurrency: 4 });
    await worker.start();
    await Promise.all(results.map((result) => result.get({ timeoutMs: 20_000 })));
    expect(most).toBe(4);
  });

  test("goes from idle to running to stopped, and back from nowhere", async () => {
    await using tasks = makeTasks();
    const worker = tasks.createWorker({ name: "one" });
    expect([worker.name, worker.state]).toEqual(["one", "idle"]);
    await worker.stop();
    expect(worker.state).toBe("idle");
    await worker.start();
    await worker.start();
    expect(worker.state).toBe("running");
    await Promise.all([worker.stop(), worker.stop()]);
    expect(worker.state).toBe("stopped");
    await worker.start();
    expect(worker.state).toBe("stopped");
  });

  test("stores a task nobody registered as failed, and says which it knows", async () => {
    const { logger, lines } = keepLogs();
    await using tasks = makeTasks({ logger });
    tasks.task("tasks.known", () => null);
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await tasks.sendTask("tasks.unknown", ["secret"]);
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      cause: {
        type: "TASK_NOT_REGISTERED",
        message: 'no task is named "tasks.unknown"; this worker knows tasks.known',
      },
    });
    expect(lines.map(([line]) => line)).toEqual(["task failed"]);
    expect(JSON.stringify(lines)).not.toContain("secret");
  });

  test("stores a result that cannot be carried as a failure, and does not try again", async () => {
    await using tasks = makeTasks({ maxMessageBytes: 100 });
    const big = tasks.task("tasks.big", { maxRetries: 3 }, () => "x".repeat(101));
    const odd = tasks.task("tasks.odd", { maxRetries: 3 }, () => ({ at: () => 1 }));
    const nothing = tasks.task("tasks.nothing", () => {});
    await using worker = tasks.createWorker();
    await worker.start();
    await expect((await big.delay()).get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      cause: { type: "TASK_TOO_LARGE" },
    });
    await expect((await odd.delay()).get({ timeoutMs: 20_000 })).rejects.toThrow(
      "at the result.at",
    );
    expect(await (await nothing.delay()).get({ timeoutMs: 20_000 })).toBeNull();
  });

  test("revokes a task that has expired", async () => {
    await using tasks = makeTasks();
    const noop = tasks.task("tasks.noop", () => null);
    const result = await noop.applyAsync([], { expires: new Date(Date.now() - 1) });
    await using worker = tasks.createWorker();
    await worker.start();
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toThrow("the task had expired");
  });

  test("goes on after messages that nobody can read", async () => {
    const file = newFile();
    await using tasks = createTasks({ broker: `sqlite:${file}`, results: `sqlite:${file}` });
    const add = tasks.task("tasks.add", (x: number, y: number) => x + y);
    const other = new DatabaseSync(file);
    for (const [id, headers, body] of [
      ["bad-headers", "}{", "[[], {}, {}]"],
      ["bad-body", '{"id": "bad-body", "task": "tasks.add"}', "}{"],
      ["bad-shape", '{"id": "bad-shape", "task": "tasks.add"}', "[1, 2]"],
    ] as const) {
      other
        .prepare(
          "INSERT INTO tidings_messages (id, queue, headers, body, due_at) VALUES (?, 'celery', ?, ?, 0)",
        )
        .run(id, headers, Buffer.from(body));
    }
    other.close();
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await (await add.delay(1, 2)).get({ timeoutMs: 20_000 })).toBe(3);
    for (const [id, name, type] of [
      ["bad-headers", null, "MESSAGE_INVALID"],
      ["bad-body", "tasks.add", "MESSAGE_NOT_JSON"],
      ["bad-shape", "tasks.add", "MESSAGE_INVALID"],
    ] as const) {
      const record = await tasks.results.get(id);
      expect(record).toMatchObject({ name, state: "FAILURE", error: { type } });
    }
  });

  test("waits for a store that is unavailable, and then stores the outcome", async () => {
    const { logger, lines } = keepLogs();
    let failures = 2;
    class FailingResults extends MemoryResults {
      override async store(record: TaskRecord): Promise<boolean> {
        if (record.finishedAt !== null && failures-- > 0) {
          throw new TidingsError("STORAGE_UNAVAILABLE", "the disk is full");
        }
        return super.store(record);
      }
    }
    await using tasks = makeTasks({ results: new FailingResults(), logger });
    let runs = 0;
    const count = tasks.task("tasks.count", () => ++runs);
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await (await count.delay()).get({ timeoutMs: 20_000 })).toBe(1);
    expect(lines.map(([line]) => line)).toEqual([
      "an outcome could not be stored; it is tried again",
      "an outcome could not be stored; it is tried again",
      "task succeeded",
    ]);
  });

  test("goes on taking when the broker fails for a while", async () => {
    const { logger, lines } = keepLogs();
    let failures = 2;
    class FailingBroker extends MemoryBroker {
      override async take(request: TakeRequest): ReturnType<MemoryBroker["take"]> {
        if (failures-- > 0) throw new TidingsError("STORAGE_UNAVAILABLE", "the disk is full");
        return super.take(request);
      }
    }
    await using tasks = makeTasks({ broker: new FailingBroker(), logger });
    const noop = tasks.task("tasks.noop", () => "done");
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await (await noop.delay()).get({ timeoutMs: 20_000 })).toBe("done");
    expect(lines.map(([line]) => line)).toContain("messages could not be taken; it is tried again");
  });

  test("warns of leases that it cannot look after while it works, and not once it has stopped", async () => {
    const { logger, lines } = keepLogs();
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<number>();
    let isLost = true;
    class LosingBroker extends MemoryBroker {
      override async reclaim(): ReturnType<MemoryBroker["reclaim"]> {
        if (isLost) throw new TidingsError("STORAGE_UNAVAILABLE", "lost");
        asked.resolve();
        return await answer.promise;
      }
    }
    await using tasks = makeTasks({ broker: new LosingBroker(), logger });
    const worker = tasks.createWorker({ leaseMs: 30 });
    await worker.start();
    const warning = "leases could not be looked after; it is tried again";
    await expect.poll(() => lines.map(([line]) => line)).toContain(warning);
    isLost = false;
    await asked.promise;
    await worker.stop();
    const before = lines.length;
    answer.reject(new TidingsError("STORAGE_UNAVAILABLE", "the connection is closed"));
    await endOfTick();
    expect(lines).toHaveLength(before);
  });

  test("removes the records that have expired", async () => {
    const results = new MemoryResults();
    await using tasks = makeTasks({ results, resultExpiresMs: 1 });
    const noop = tasks.task("tasks.noop", () => null);
    const sent = await noop.delay();
    await using worker = tasks.createWorker();
    await worker.start();
    await sent.get({ timeoutMs: 20_000 });
    await worker.stop();
    await using second = tasks.createWorker({ leaseMs: 30 });
    await second.start();
    while ((await results.get(sent.id)) !== null)
      await new Promise((resolve) => setImmediate(resolve));
    expect(await sent.record()).toMatchObject({ state: "PENDING" });
  });

  test("goes on removing while more records have expired than one removal takes", async () => {
    const results = new MemoryResults();
    for (let n = 0; n < 2_500; n++) {
      await results.store({ ...pendingRecord(`t${n}`), state: "SUCCESS", finishedAt: n });
    }
    await using tasks = makeTasks({ results });
    await using worker = tasks.createWorker({ leaseMs: 30 });
    await worker.start();
    await expect.poll(() => results.get("t2499")).toBeNull();
  });
});

describe("retries", () => {
  test("try a task again until it succeeds, and keep its logs", async () => {
    const { logger, lines } = keepLogs();
    await using tasks = makeTasks({ logger });
    const flaky = tasks.task("tasks.flaky", { maxRetries: 2, retryDelayMs: 20 }, async () => {
      const task = currentTask();
      const { retries } = task;
      await task.log(`try ${retries}`);
      if (retries < 2) throw new Error(`failed ${retries}`);
      return retries;
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await flaky.delay();
    const waiting = await waitFor(tasks, result.id, ({ state }) => state === "RETRY");
    expect(waiting).toMatchObject({
      error: { message: "failed 0" },
      retries: 1,
      runs: 1,
      finishedAt: null,
    });
    expect(waiting.retryAt).toBeGreaterThanOrEqual((waiting.startedAt ?? 0) + 20);
    expect(await result.get({ timeoutMs: 20_000 })).toBe(2);
    const record = await result.record();
    expect(record).toMatchObject({ retries: 2, runs: 3, error: null, retryAt: null });
    expect(record.logs.map(({ text }) => text)).toEqual(["try 0", "try 1", "try 2"]);
    expect(lines.map(([line]) => line)).toEqual([
      "task failed and will be tried again",
      "task failed and will be tried again",
      "task succeeded",
    ]);
    expect(lines.at(-1)?.[1]).toMatchObject({
      task: record.name,
      durationMs: (record.finishedAt ?? 0) - (record.startedAt ?? 0),
    });
  });

  test("end as a failure when there are no more", async () => {
    await using tasks = makeTasks();
    const failing = tasks.task("tasks.failing", { maxRetries: 2, retryDelayMs: 1 }, () => {
      throw new Error(`failed ${currentTask().retries}`);
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await failing.delay();
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toThrow("Error: failed 2");
    expect(await result.record()).toMatchObject({ state: "FAILURE", retries: 2, runs: 3 });
  });

  test("happen when a task asks for one, three times unless it says otherwise", async () => {
    await using tasks = makeTasks();
    const asking = tasks.task("tasks.asking", () => {
      throw new Retry({ countdownMs: 1, cause: new Error("busy") });
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await asking.delay();
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toThrow("Error: busy");
    expect(await result.record()).toMatchObject({ retries: 3, runs: 4 });
  });

  test("wait longer each time with retryBackoff", async () => {
    await using tasks = makeTasks();
    const retryBackoff = { baseMs: 20, jitter: false };
    const failing = tasks.task("tasks.failing", { maxRetries: 2, retryBackoff }, () => {
      throw new Error("failed");
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const sentAt = Date.now();
    const result = await failing.delay();
    await result.get({ timeoutMs: 20_000 }).catch(() => null);
    expect(Date.now() - sentAt).toBeGreaterThanOrEqual(60);
  });

  test("wait for a cancelled task no longer", async () => {
    await using tasks = makeTasks();
    const failing = tasks.task("tasks.failing", { maxRetries: 1, retryDelayMs: 60_000 }, () => {
      throw new Error("failed");
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await failing.delay();
    await waitFor(tasks, result.id, ({ state }) => state === "RETRY");
    expect(await result.cancel()).toBe(true);
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "TASK_CANCELLED",
    });
    expect(await result.record()).toMatchObject({ runs: 1, retries: 1 });
  });
});

describe("progress and logs", () => {
  test("are stored with the outcome at the latest, and bounded", async () => {
    await using tasks = makeTasks();
    const chatty = tasks.task("tasks.chatty", async () => {
      const task = currentTask();
      for (let done = 1; done <= 150; done++) {
        await task.progress({ done, total: 150 });
        await task.log(done === 150 ? "x".repeat(2_000) : `line ${done}`);
      }
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await chatty.delay();
    await result.get({ timeoutMs: 20_000 });
    const { progress, logs, revision } = await result.record();
    expect(progress).toEqual({ done: 150, total: 150 });
    expect(logs).toHaveLength(100);
    expect(logs[0]?.text).toBe("line 51");
    expect(logs.at(-1)?.text).toHaveLength(1_024);
    expect(revision).toBeLessThan(5);
  });

  test("refuse numbers that are none", async () => {
    await using tasks = makeTasks();
    const odd = tasks.task("tasks.odd", () =>
      currentTask().progress({ done: Number.NaN, total: 1 }),
    );
    await using worker = tasks.createWorker();
    await worker.start();
    await expect((await odd.delay()).get({ timeoutMs: 20_000 })).rejects.toThrow("`done`");
  });
});

describe("cancelling a task that runs", () => {
  test("fires its signal, and revokes it whatever its function then does", async () => {
    await using tasks = makeTasks();
    const reasons: unknown[] = [];
    const endless = defineEndless(tasks, (reason) => reasons.push(reason));
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await endless.delay();
    await waitFor(tasks, result.id, isRunning);
    expect(await result.cancel()).toBe(true);
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "TASK_CANCELLED",
    });
    expect(reasons).toMatchObject([{ code: "TASK_CANCELLED" }]);
    expect(await result.record()).toMatchObject({ state: "REVOKED", result: null });
    expect(await result.cancel()).toBe(false);
  });
});

describe("stopping a worker", () => {
  test("lets running tasks end", async () => {
    await using tasks = makeTasks();
    const gate = Promise.withResolvers<string>();
    const slow = tasks.task("tasks.slow", () => gate.promise);
    const worker = tasks.createWorker();
    await worker.start();
    const running = await slow.delay();
    await waitFor(tasks, running.id, isRunning);
    const stopped = worker.stop();
    expect(worker.state).toBe("stopping");
    const waiting = await slow.delay();
    gate.resolve("done");
    await stopped;
    expect(worker.state).toBe("stopped");
    expect(await running.record()).toMatchObject({ state: "SUCCESS", result: "done" });
    expect(await waiting.record()).toMatchObject({ state: "PENDING" });
  });

  test("hands tasks back when its signal fires, and another worker runs them at once", async () => {
    await using tasks = makeTasks();
    const endless = defineEndless(tasks, (reason) => {
      if (currentTask().runs === 1) throw reason;
      return "done";
    });
    const first = tasks.createWorker({ name: "first" });
    await first.start();
    const result = await endless.delay();
    await waitFor(tasks, result.id, isRunning);
    await first.stop({ signal: AbortSignal.abort() });
    await using second = tasks.createWorker({ name: "second" });
    await second.start();
    const again = await waitFor(tasks, result.id, ({ runs }) => runs === 2);
    expect(again).toMatchObject({ state: "STARTED", worker: { name: "second" }, retries: 0 });
    await result.cancel();
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "TASK_CANCELLED",
    });
  });

  test("puts back at once what it was taking", async () => {
    const taken = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    class SlowBroker extends MemoryBroker {
      override async take(request: TakeRequest): ReturnType<MemoryBroker["take"]> {
        const deliveries = await super.take(request);
        taken.resolve();
        await gate.promise;
        return deliveries;
      }
    }
    const broker = new SlowBroker();
    await using tasks = makeTasks({ broker });
    const noop = tasks.task("tasks.noop", () => null);
    const { id } = await noop.delay();
    const worker = tasks.createWorker();
    await worker.start();
    await taken.promise;
    const stopped = worker.stop();
    gate.resolve();
    await stopped;
    const again = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
    expect(again).toMatchObject([{ id, runs: 2, lostLeases: 0 }]);
  });

  test("does not wait for a function that ignores its signal", async () => {
    await using tasks = makeTasks();
    const deaf = tasks.task("tasks.deaf", () => new Promise(() => {}));
    const worker = tasks.createWorker({ stopTimeoutMs: 10 });
    await worker.start();
    const result = await deaf.delay();
    await waitFor(tasks, result.id, isRunning);
    await worker.stop();
    expect(worker.state).toBe("stopped");
    expect((await result.record()).finishedAt).toBeNull();
  });
});

describe("leases", () => {
  test("are renewed, so that a long task runs once", async () => {
    const gate = Promise.withResolvers<void>();
    let renewals = 0;
    let time = Date.now();
    /** Its clock goes on with the checks of the workers: however late they come, none misses a lease. */
    class CountingBroker extends MemoryBroker {
      override reclaim(): ReturnType<MemoryBroker["reclaim"]> {
        time += 10;
        return super.reclaim();
      }

      override renew(
        ...renewal: Parameters<MemoryBroker["renew"]>
      ): ReturnType<MemoryBroker["renew"]> {
        if (++renewals === 12) gate.resolve();
        return super.renew(...renewal);
      }
    }
    await using tasks = makeTasks({ broker: new CountingBroker({ now: () => time }) });
    let runs = 0;
    const long = tasks.task("tasks.long", async () => {
      runs++;
      await gate.promise;
    });
    await using first = tasks.createWorker({ leaseMs: 60 });
    await using second = tasks.createWorker({ leaseMs: 60 });
    await Promise.all([first.start(), second.start()]);
    const result = await long.delay();
    await result.get({ timeoutMs: 20_000 });
    expect(runs).toBe(1);
  });

  test("that are lost end the run: its signal fires, and its outcome is dropped", async () => {
    const { logger, lines } = keepLogs();
    let time = 0;
    const broker = new MemoryBroker({ now: () => Date.now() + time });
    await using tasks = makeTasks({ broker, logger });
    const reasons: unknown[] = [];
    const endless = defineEndless(tasks, (reason) => {
      reasons.push(reason);
      return "too late";
    });
    const worker = tasks.createWorker({ leaseMs: 200 });
    await worker.start();
    const result = await endless.delay();
    await waitFor(tasks, result.id, isRunning);
    // Another worker finds the lease expired, takes the task, and ends it.
    time = 60_000;
    await broker.reclaim();
    const [delivery] = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 60_000 });
    expect(delivery).toMatchObject({ id: result.id, runs: 2, lostLeases: 1 });
    while (lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(lines).toMatchObject([
      [
        "task is no longer held by this worker; its outcome is dropped",
        { code: "TASK_LEASE_LOST" },
      ],
    ]);
    expect(reasons).toMatchObject([{ code: "TASK_LEASE_LOST" }]);
    expect(await result.record()).toMatchObject({ state: "STARTED", result: null });
    await worker.stop();
  });

  test("that were lost once have the task run again, and the log says why", async () => {
    const { lines, logger } = keepLogs();
    let time = 0;
    const broker = new MemoryBroker({ now: () => Date.now() + time });
    await using tasks = makeTasks({ broker, logger });
    const result = await tasks.task("tasks.noop", () => null).delay();
    await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
    time += 1_000;
    await using worker = tasks.createWorker();
    await worker.start();
    await result.get({ timeoutMs: 20_000 });
    expect(lines).toMatchObject([
      [
        "task runs again: the worker that had it died, or lost its lease",
        { task: "tasks.noop", id: result.id, runs: 2, workersLost: 1 },
      ],
      ["task succeeded", { runs: 2 }],
    ]);
  });

  test("that are lost too often end the task as poisoned", async () => {
    let time = 0;
    const broker = new MemoryBroker({ now: () => Date.now() + time });
    await using tasks = makeTasks({ broker, worker: { maxDeliveries: 3 } });
    const noop = tasks.task("tasks.noop", () => null);
    const result = await noop.delay();
    for (let n = 0; n < 3; n++) {
      await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
      time += 1_000;
      await broker.reclaim();
    }
    await using worker = tasks.createWorker({ maxDeliveries: undefined });
    await worker.start();
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toThrow("its worker died 3 times");
  });

  test("leave a final record alone when its worker died before it could acknowledge", async () => {
    const broker = new MemoryBroker();
    const results = new MemoryResults();
    const debug = vi.fn<Logger["debug"]>();
    await using tasks = makeTasks({ broker, results, logger: { ...keepLogs().logger, debug } });
    let runs = 0;
    const count = tasks.task("tasks.count", () => ++runs);
    const result = await count.delay();
    const [delivery] = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
    if (!delivery) throw new Error("expected a delivery");
    await results.store({
      ...(await result.record()),
      state: "SUCCESS",
      finishedAt: 1,
      runs: 1,
      result: "first",
    });
    await broker.putBack(delivery);
    await using worker = tasks.createWorker();
    await worker.start();
    while ((await broker.nextDueAt(["celery"])) !== null)
      await new Promise((resolve) => setImmediate(resolve));
    await worker.stop();
    expect(await result.get()).toBe("first");
    expect(runs).toBe(0);
    // The lease is that of this delivery, not the recorded one's.
    const fields = expect.objectContaining({ id: result.id, runs: 2, retries: 0 });
    expect(debug).toHaveBeenCalledWith(fields, "task had ended before");
    expect(await broker.cancel(result.id)).toBeNull();
  });
});

test("a message whose next try was sent already is dropped, and does not run again", async () => {
  const [broker, results] = [new MemoryBroker(), new MemoryResults()];
  await using tasks = createTasks({ broker, results });
  let runs = 0;
  tasks.task("once", () => runs++);
  const record = { ...pendingRecord("one"), name: "once", runs: 1, retries: 1 };
  await results.store({ ...record, state: "RETRY", startedAt: 1, retryAt: Date.now() + 60_000 });
  const old = encodeMessage({ id: "one", task: "once", retries: 0 });
  await broker.publish("celery", markRedelivered(old));
  const last = await tasks.sendTask("once");
  await using worker = tasks.createWorker({ concurrency: 1 });
  await worker.start();
  expect(await last.get({ timeoutMs: 20_000 })).toBe(0);
  expect(await tasks.results.get("one")).toMatchObject({ state: "RETRY", retries: 1, runs: 1 });
  expect(await broker.contents.count("celery")).toMatchObject({ waiting: 0, taken: 0 });
  expect(runs).toBe(1);
});
