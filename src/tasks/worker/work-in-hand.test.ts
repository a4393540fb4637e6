import { describe, expect, test } from "vitest";

import { MemoryBroker } from "../brokers/memory.ts";
import { currentTask } from "../current-task.ts";
import { MemoryResults } from "../results/memory.ts";
import type { TaskRecord } from "../results/task-record.ts";
import { createTasks, type Tasks } from "../tasks.ts";

function makeTasks(): Tasks {
  return createTasks({ broker: "memory:", results: "memory:" });
}

/** A task that begins, and ends when the test says so. */
function defineGate(tasks: Tasks) {
  const begun: string[] = [];
  const gates = new Map<string, () => void>();
  const gate = tasks.task("tasks.gate", async (name: string) => {
    begun.push(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    gates.set(name, resolve);
    await promise;
    return currentTask().runs;
  });
  return { gate, begun, open: (name: string) => gates.get(name)?.() };
}

async function taken(tasks: Tasks): Promise<number | null> {
  return (await tasks.runtime.broker.contents.count("celery")).taken;
}

describe("messages that are taken ahead", () => {
  test("run in their order as soon as there is room for them", async () => {
    await using tasks = makeTasks();
    const { gate, begun, open } = defineGate(tasks);
    const results = [];
    for (const name of ["a", "b", "c", "d"]) results.push(await gate.delay(name));
    await using worker = tasks.createWorker({ concurrency: 1, prefetchMultiplier: 3 });
    await worker.start();
    await expect.poll(() => taken(tasks)).toBe(3);
    expect(begun).toEqual(["a"]);
    for (const name of ["a", "b", "c", "d"]) {
      await expect.poll(() => begun.at(-1)).toBe(name);
      open(name);
    }
    for (const result of results) expect(await result.get({ timeoutMs: 20_000 })).toBe(1);
  });

  test("are given back when the worker stops", async () => {
    await using tasks = makeTasks();
    const { gate, begun, open } = defineGate(tasks);
    await gate.delay("a");
    const second = await gate.delay("b");
    const worker = tasks.createWorker({ concurrency: 1, prefetchMultiplier: 2 });
    await worker.start();
    await expect.poll(() => taken(tasks)).toBe(2);
    const stopped = worker.stop();
    await expect.poll(() => taken(tasks)).toBe(1);
    open("a");
    await stopped;
    expect(begun).toEqual(["a"]);
    expect(await second.record()).toMatchObject({ state: "PENDING" });
    expect(await tasks.runtime.broker.contents.count("celery")).toMatchObject({ waiting: 1 });
  });

  test("never run when they are cancelled", async () => {
    await using tasks = makeTasks();
    const { gate, begun, open } = defineGate(tasks);
    await gate.delay("a");
    const second = await gate.delay("b");
    await using worker = tasks.createWorker({ concurrency: 1, prefetchMultiplier: 2 });
    await worker.start();
    await expect.poll(() => taken(tasks)).toBe(2);
    await second.cancel();
    open("a");
    await expect(second.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "TASK_CANCELLED",
    });
    expect(begun).toEqual(["a"]);
  });
});

test("a worker grows and shrinks while it runs", async () => {
  await using tasks = makeTasks();
  const { gate, begun, open } = defineGate(tasks);
  for (const name of ["a", "b", "c"]) await gate.delay(name);
  await using worker = tasks.createWorker({ concurrency: 1 });
  await worker.start();
  await expect.poll(() => begun.length).toBe(1);
  expect(worker.grow(2)).toBe(3);
  await expect.poll(() => begun.length).toBe(3);
  expect(worker.shrink(5)).toBe(1);
  for (const name of ["a", "b", "c"]) open(name);
});

test("a worker that scales itself runs what waits", async () => {
  await using tasks = makeTasks();
  const { gate, begun, open } = defineGate(tasks);
  for (const name of ["a", "b", "c"]) await gate.delay(name);
  await using worker = tasks.createWorker({ autoscale: { max: 2, min: 1 }, leaseMs: 300 });
  await worker.start();
  await expect.poll(() => begun.length).toBe(2);
  expect(worker.concurrency).toBe(2);
  open("a");
  await expect.poll(() => begun.length).toBe(3);
  for (const name of ["b", "c"]) open(name);
});

test("a worker runs the next task while an outcome is stored, and no more than one for each place", async () => {
  const release = Promise.withResolvers<void>();
  class SlowResults extends MemoryResults {
    override async store(record: TaskRecord): Promise<boolean> {
      await release.promise;
      return await super.store(record);
    }
  }
  const broker = new MemoryBroker();
  await using tasks = createTasks({ broker, results: new SlowResults() });
  const ran: number[] = [];
  const note = tasks.task("t.note", (n: number) => void ran.push(n));
  const sent = await note.applyMany([[1], [2], [3]]);
  await using worker = tasks.createWorker({ concurrency: 1 });
  await worker.start();
  await expect.poll(() => ran).toEqual([1, 2]);
  await expect.poll(() => worker.health().running).toBe(2);
  expect((await broker.contents.count("celery")).waiting).toBe(1);
  release.resolve();
  await Promise.all(sent.map((result) => result.get()));
  expect(ran).toEqual([1, 2, 3]);
});
