import { expect, test } from "vitest";

import { silentLogger } from "../../core/logger.ts";
import { MemoryBroker } from "../brokers/memory.ts";
import { encodeMessage } from "../message/encode.ts";
import type { OutgoingMessage } from "../message/message.ts";
import { MemoryResults } from "../results/memory.ts";
import { pendingRecord, type TaskRecord } from "../results/task-record.ts";
import { createTasks } from "../tasks.ts";

const wait = { timeoutMs: 20_000 };

/** A worker that took the message, stored its record, and died before it could do anything else. */
async function dieAfterStoring(
  message: OutgoingMessage,
  outcome: Partial<TaskRecord>,
): Promise<{ readonly broker: MemoryBroker; readonly results: MemoryResults }> {
  let time = Date.now();
  const broker = new MemoryBroker({ now: () => time });
  const results = new MemoryResults();
  await broker.publish("celery", encodeMessage(message));
  const [delivery] = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
  await results.store({ ...pendingRecord(message.id), runs: delivery?.runs ?? 0, ...outcome });
  time += 60_000;
  await broker.reclaim();
  return { broker, results };
}

const signature = (task: string, id: string): object => ({
  task,
  args: [],
  kwargs: {},
  options: { task_id: id },
  subtask_type: null,
  immutable: false,
});

test("the next step of a chain is sent by the next worker when the first one has died", async () => {
  const message = {
    id: "one",
    task: "add",
    args: [1],
    embed: { chain: [signature("add", "two")] },
  };
  const outcome = { state: "SUCCESS", result: 41, finishedAt: 1 } as const;
  const { broker, results } = await dieAfterStoring(message, outcome);
  await using tasks = createTasks({ broker, results });
  let runs = 0;
  tasks.task("add", (x: number) => {
    runs++;
    return x + 1;
  });
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await tasks.result("two").get(wait)).toBe(42);
  expect(runs).toBe(1);
  expect(await tasks.result("one").record()).toMatchObject({ result: 41 });
});

test("a step that has ended already is sent again, and not run again", async () => {
  const message = {
    id: "one",
    task: "add",
    args: [1],
    embed: { chain: [signature("add", "two")] },
  };
  const outcome = { state: "SUCCESS", result: 41, finishedAt: 1 } as const;
  const { broker, results } = await dieAfterStoring(message, outcome);
  await results.store({ ...pendingRecord("two"), state: "SUCCESS", result: 7, finishedAt: 2 });
  await using tasks = createTasks({ broker, results });
  let runs = 0;
  tasks.task("add", () => void runs++);
  const last = tasks.task("last", () => runs);
  await using worker = tasks.createWorker({ concurrency: 1 });
  await worker.start();
  const seen = Promise.withResolvers<void>();
  broker.onChange(() => seen.resolve());
  await seen.promise;
  expect(await (await last.delay()).get(wait)).toBe(0);
  expect(await tasks.result("two").record()).toMatchObject({ result: 7 });
});

test("a chord is finished by the next worker when the one that ran its last member has died", async () => {
  const chord = signature("sum", "body");
  const message = { id: "one", task: "add", group: "group", groupIndex: 0, embed: { chord } };
  const outcome = { state: "SUCCESS", result: 41, finishedAt: 1 } as const;
  const { broker, results } = await dieAfterStoring(message, outcome);
  await results.chords.setSize("group", 1);
  await using tasks = createTasks({ broker, results });
  tasks.task("sum", (numbers: readonly number[]) => numbers);
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await tasks.result("body").get(wait)).toEqual([41]);
});

test("a chord hears of a member that nobody could run", async () => {
  const chord = signature("sum", "body");
  const message = { id: "one", task: "unknown", group: "group", groupIndex: 0, embed: { chord } };
  const broker = new MemoryBroker();
  const results = new MemoryResults();
  await results.chords.setSize("group", 1);
  await broker.publish("celery", encodeMessage(message));
  await using tasks = createTasks({ broker, results });
  tasks.task("sum", (numbers: readonly number[]) => numbers);
  await using worker = tasks.createWorker();
  await worker.start();
  await expect(tasks.result("body").get(wait)).rejects.toMatchObject({
    cause: { type: "ChordError", message: expect.stringContaining("Dependency one raised") },
  });
});

test("a chord hears of a member that is cancelled before a worker has it", async () => {
  const chord = signature("sum", "body");
  const message = { id: "one", task: "sum", group: "group", groupIndex: 0, embed: { chord } };
  const broker = new MemoryBroker();
  const results = new MemoryResults();
  await results.chords.setSize("group", 1);
  await broker.publish("celery", encodeMessage(message));
  await using tasks = createTasks({ broker, results });
  tasks.task("sum", (numbers: readonly number[]) => numbers);
  expect(await tasks.cancel("one")).toBe(true);
  await using worker = tasks.createWorker();
  await worker.start();
  await expect(tasks.result("body").get(wait)).rejects.toMatchObject({
    cause: { type: "ChordError" },
  });
  expect(await tasks.result("one").record()).toMatchObject({ state: "REVOKED", groupId: "group" });
});

test("a member of a chord that another worker has taken over does not count", async () => {
  const chord = signature("sum", "body");
  const message = { id: "one", task: "add", group: "group", groupIndex: 0, embed: { chord } };
  let time = Date.now();
  const broker = new MemoryBroker({ now: () => time });
  const results = new MemoryResults();
  await results.chords.setSize("group", 1);
  await broker.publish("celery", encodeMessage(message));
  const lost = Promise.withResolvers<void>();
  const warn = (_: object | string, text?: string): void => {
    if (text?.startsWith("task is no longer held")) lost.resolve();
  };
  await using tasks = createTasks({ broker, results, logger: { ...silentLogger, warn } });
  tasks.task("add", async () => {
    time += 60_000;
    await broker.reclaim();
    await broker.take({ queues: ["celery"], limit: 1, leaseMs: 60_000 });
    return 41;
  });
  await using worker = tasks.createWorker();
  await worker.start();
  await lost.promise;
  expect(await tasks.result("one").record()).not.toMatchObject({ state: "SUCCESS" });
  expect(await tasks.queues.count("celery")).toMatchObject({ waiting: 0, taken: 1 });
});
