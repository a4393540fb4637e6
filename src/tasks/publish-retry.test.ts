import { describe, expect, onTestFinished, test, vi } from "vitest";

import { TidingsError } from "../core/errors.ts";
import { MemoryBroker } from "./brokers/memory.ts";
import { encodeMessage } from "./message/encode.ts";
import { markRedelivered } from "./message/redelivered.ts";
import { retryPublish, type PublishRetryOptions } from "./publish-retry.ts";
import { MemoryResults } from "./results/memory.ts";
import { pendingRecord } from "./results/task-record.ts";
import { createTasks } from "./tasks.ts";

const AT_ONCE: PublishRetryOptions = { baseMs: 0 };
const { signal } = new AbortController();

/** Fails so often, then publishes; returns how often it was tried, negative if in vain. */
async function tryTimes(
  failures: number,
  retry: boolean | PublishRetryOptions | undefined,
  error: Error = new TidingsError("STORAGE_UNAVAILABLE", "away"),
): Promise<number> {
  let tries = 0;
  const publish = async (failed: number): Promise<void> => {
    expect(failed).toBe(tries++);
    if (tries <= failures) throw error;
  };
  const thrown = await retryPublish({ publish, retry, signal }).catch((reason: unknown) => reason);
  return thrown === error ? -tries : tries;
}

describe("publishing", () => {
  test("is tried again three times, or as often as it says", async () => {
    expect(await tryTimes(3, AT_ONCE)).toBe(4);
    expect(await tryTimes(4, AT_ONCE)).toBe(-4);
    expect(await tryTimes(1, undefined)).toBe(2);
    expect(await tryTimes(2, { ...AT_ONCE, maxRetries: 1 })).toBe(-2);
    expect(await tryTimes(1, false)).toBe(-1);
  });

  test("is not tried again for what the broker refuses", async () => {
    expect(await tryTimes(1, AT_ONCE, new TidingsError("TASK_UNROUTABLE", "nowhere"))).toBe(-1);
  });

  test("is not tried again when its time is over", async () => {
    expect(await tryTimes(1, { baseMs: 60_000, maxMs: 60_000, jitter: false })).toBe(-1);
  });

  test("goes on when the broker has room again", async () => {
    const broker = new MemoryBroker({ capacity: 1 });
    await using tasks = createTasks({ broker, results: "memory:" });
    await tasks.sendTask("first");
    const sending = tasks.sendTask("second", [], { publishRetry: { baseMs: 100, jitter: false } });
    const [first] = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
    if (first) await broker.acknowledge(first);
    const { id } = await sending;
    const [second] = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
    expect(second).toMatchObject({ id, message: { headers: { redelivered: true } } });
  });

  test("ends when the tasks are closed", async () => {
    // The wait for the next try never ends by itself.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const broker = new MemoryBroker({ capacity: 1 });
    const tasks = createTasks({ broker, results: "memory:" });
    await tasks.sendTask("first");
    const sending = tasks.sendTask("second", [], {
      publishRetry: { baseMs: 4_000, jitter: false },
    });
    await Promise.all([
      expect(sending).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" }),
      tasks.close(),
    ]);
  });

  test.each([{ maxRetries: -1 }, { baseMs: -1 }, "often"])("refuses %j", async (publishRetry) => {
    await using tasks = createTasks({ broker: "memory:", results: "memory:" });
    const options = JSON.parse(JSON.stringify({ publishRetry }));
    await expect(tasks.sendTask("any", [], options)).rejects.toMatchObject({
      code: "OPTION_INVALID",
    });
  });
});

test("a message that was published twice is not run again once its outcome is recorded", async () => {
  const broker = new MemoryBroker();
  const results = new MemoryResults();
  await using tasks = createTasks({ broker, results });
  let runs = 0;
  tasks.task("count", () => ++runs);
  const last = tasks.task("last", () => "last");
  const done = { ...pendingRecord("twice"), state: "SUCCESS", result: 1, finishedAt: 1 } as const;
  await results.store(done);
  await broker.publish("celery", markRedelivered(encodeMessage({ id: "twice", task: "count" })));
  await using worker = tasks.createWorker({ concurrency: 1 });
  await worker.start();
  await (await last.delay()).get({ timeoutMs: 20_000 });
  expect(runs).toBe(0);
  expect((await results.get("twice"))?.result).toBe(1);
});

test("a call is not run under an id whose task has ended while it was sent", async () => {
  const results = new MemoryResults();
  await using tasks = createTasks({ broker: "memory:", results });
  let runs = 0;
  const count = tasks.task("count", () => ++runs);
  const last = tasks.task("last", () => "last");
  const sent = await count.applyAsync([], { taskId: "reused" });
  const done = {
    ...pendingRecord("reused"),
    state: "SUCCESS",
    result: "first",
    finishedAt: 1,
  } as const;
  await results.store(done);
  await using worker = tasks.createWorker({ concurrency: 1 });
  await worker.start();
  await (await last.delay()).get({ timeoutMs: 20_000 });
  expect(runs).toBe(0);
  expect(await sent.get()).toBe("first");
});
