import { expect, test } from "vitest";

import type { Logger } from "../../core/logger.ts";
import { MemoryBroker } from "../brokers/memory.ts";
import { currentTask } from "../current-task.ts";
import { Ignore } from "../ignore.ts";
import { Reject } from "../reject.ts";
import { Retry } from "../retry.ts";
import { createTasks, type TasksOptions } from "../tasks.ts";

const wait = { timeoutMs: 20_000 };

function makeTasks(options: Partial<TasksOptions> = {}): ReturnType<typeof createTasks> {
  return createTasks({ broker: "memory:", results: "memory:", ...options });
}

/** Hears what is logged. */
function makeLogger(): Logger & { readonly lines: (readonly [string, string])[] } {
  const lines: (readonly [string, string])[] = [];
  const at =
    (level: string) =>
    (_: object, text: string): void =>
      void lines.push([level, text]);
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

test("a task that throws Ignore is done, and nothing is recorded or sent", async () => {
  await using broker = new MemoryBroker();
  await using tasks = makeTasks({ broker });
  const ended = Promise.withResolvers<void>();
  const quiet = tasks.task("quiet", () => {
    throw new Ignore();
  });
  const next = tasks.task("next", () => ended.resolve());
  await using worker = tasks.createWorker({ concurrency: 1 });
  await worker.start();
  const sent = await quiet.applyAsync([], { link: tasks.signature("never") });
  await next.delay();
  await ended.promise;
  expect(await sent.record()).toMatchObject({ state: "PENDING" });
  expect(await broker.cancel(sent.id)).toBeNull();
  expect(await broker.contents.count("celery")).toMatchObject({ waiting: 0 });
});

test("a task that throws Reject drops its message", async () => {
  await using broker = new MemoryBroker();
  const logger = makeLogger();
  await using tasks = makeTasks({ broker, logger });
  const refuse = tasks.task("refuse", () => {
    throw new Reject({ reason: "not here" });
  });
  const next = tasks.task("next", () => "done");
  await using worker = tasks.createWorker({ concurrency: 1 });
  await worker.start();
  const sent = await refuse.delay();
  await (await next.delay()).get(wait);
  expect(await sent.record()).toMatchObject({ state: "PENDING" });
  expect(await broker.cancel(sent.id)).toBeNull();
  expect(logger.lines).toContainEqual(["info", "task rejected"]);
});

test("a message that is rejected to its queue goes behind the others, and counts no retry", async () => {
  await using tasks = makeTasks();
  const order: string[] = [];
  tasks.task("log", (name: string) => {
    const { runs, retries } = currentTask();
    order.push(`${name} ${runs} ${retries}`);
    if (name === "first" && runs === 1) throw new Reject({ requeue: true });
    return runs;
  });
  const first = await tasks.sendTask("log", ["first"]);
  await tasks.sendTask("log", ["second"]);
  await using worker = tasks.createWorker({ concurrency: 1 });
  await worker.start();
  expect(await first.get(wait)).toBe(2);
  expect(order).toEqual(["first 1 0", "second 1 0", "first 2 0"]);
});

test("a message may be rejected to its queue for a while", async () => {
  await using tasks = makeTasks();
  const times: number[] = [];
  const task = tasks.task("later", () => {
    times.push(Date.now());
    if (currentTask().runs === 1) throw new Reject({ requeue: true, countdownMs: 50 });
  });
  await using worker = tasks.createWorker();
  await worker.start();
  await (await task.delay()).get(wait);
  const [first = 0, second = 0] = times;
  expect(second - first).toBeGreaterThanOrEqual(50);
});

test("a task that asks for more retries than there are has failed with that, or with why it asked", async () => {
  await using tasks = makeTasks();
  const ask = tasks.task("ask", { maxRetries: 1, retryDelayMs: 0 }, (why?: string) => {
    throw new Retry({ cause: why === undefined ? undefined : new RangeError(why) });
  });
  await using worker = tasks.createWorker();
  await worker.start();
  const [plain, reasoned] = [await ask.delay(), await ask.delay("because")];
  await expect(plain.get(wait)).rejects.toMatchObject({
    cause: {
      type: "MaxRetriesExceededError",
      message: `can't retry ask (${plain.id}) after 1 retries`,
    },
  });
  await expect(reasoned.get(wait)).rejects.toMatchObject({
    cause: { type: "RangeError", message: "because" },
  });
});

test("errors that are to be expected are news in the log, others are errors", async () => {
  const logger = makeLogger();
  await using tasks = makeTasks({ logger });
  const task = tasks.task("may", { throws: [RangeError] }, (isExpected: boolean) => {
    throw isExpected ? new RangeError("x") : new TypeError("x");
  });
  await using worker = tasks.createWorker();
  await worker.start();
  for (const isExpected of [true, false]) {
    const sent = await task.delay(isExpected);
    await expect(sent.get(wait)).rejects.toThrow("failed");
  }
  await worker.stop();
  const told = logger.lines.filter(([, text]) => text.includes("failed"));
  expect(told).toEqual([
    ["info", "task failed, as it may"],
    ["error", "task failed"],
  ]);
});

test("a record tells where a task failed only if it is to", async () => {
  for (const tracebacks of [true, false]) {
    await using tasks = makeTasks({ tracebacks });
    const task = tasks.task("fail", () => {
      throw new Error("x");
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const sent = await task.delay();
    await expect(sent.get(wait)).rejects.toThrow("failed");
    const { traceback } = await sent.record();
    expect(traceback?.includes("control-flow.test.ts") ?? false).toBe(tracebacks);
  }
});

test("a task that throws Retry with other arguments runs with them, in the queue that it names", async () => {
  await using tasks = makeTasks();
  const seen: unknown[] = [];
  const split = tasks.task("split", (page: number, size: number) => {
    seen.push([page, size, currentTask().queue, currentTask().headers["tenant"]]);
    if (size > 1) throw new Retry({ args: [page, size / 2], queue: "slow", countdownMs: 1 });
    return size;
  });
  const next = tasks.task("next", (size: number) => size + 1);
  await using worker = tasks.createWorker({ queues: ["celery", "slow"] });
  await worker.start();
  const sent = await split.applyAsync([7, 4], { headers: { tenant: "acme" }, link: next.s() });
  expect(await sent.get(wait)).toBe(1);
  expect(seen).toEqual([
    [7, 4, "celery", "acme"],
    [7, 2, "slow", "acme"],
    [7, 1, "slow", "acme"],
  ]);
  const record = await sent.record();
  expect(record).toMatchObject({ retries: 2, queue: "slow", state: "SUCCESS" });
  expect(record.children).toHaveLength(1);
});

test("a task whose Retry cannot be sent fails with the reason", async () => {
  await using tasks = makeTasks({ maxMessageBytes: 1_000 });
  const grow = tasks.task("grow", (text: string) => {
    throw new Retry({ args: [text.length === 1 ? "x".repeat(2_000) : Symbol(text)] });
  });
  await using worker = tasks.createWorker();
  await worker.start();
  for (const [text, code] of [
    ["1", "TASK_TOO_LARGE"],
    ["22", "TASK_INVALID_RESULT"],
  ] as const) {
    const sent = await grow.delay(text);
    await expect(sent.get(wait)).rejects.toMatchObject({ code: "TASK_FAILED" });
    expect((await sent.record()).error?.type).toBe(code);
  }
});
