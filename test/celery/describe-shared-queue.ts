import { expect, test } from "vitest";

import { createTasks, type AsyncResult } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { CeleryCaller, CeleryWorker } from "./celery-process.ts";
import { OwnWorker, type TaskPlace } from "./own-worker.ts";

/** Describes several workers on one queue, wherever it is. */
export function describeSharedQueue(findPlace: () => TaskPlace): void {
  test("what a killed worker of ours had runs again, and is recorded once", async () => {
    const place = findPlace();
    await using tasks = createTasks(place);
    await tasks.queues.purge("celery");
    await using first = await OwnWorker.start(place);
    const send = (count: number, waitMs: number): Promise<readonly AsyncResult[]> =>
      Promise.all(Array.from({ length: count }, () => tasks.sendTask("shared.slow", [waitMs])));
    const sent = [...(await send(2, 60_000)), ...(await send(4, 1))];
    await eventually(async () => (await countStarted(sent)) === 2);
    await first.kill();
    await using second = await OwnWorker.start(place);
    const pids = await Promise.all(sent.map((result) => result.get({ timeoutMs: 30_000 })));
    const records = await Promise.all(sent.map((result) => result.record()));
    expect(new Set(pids)).toEqual(new Set([second.pid]));
    expect(records.filter(({ runs }) => runs === 2)).toHaveLength(2);
  });

  test("workers of both languages share a queue, and every task of either caller ends once", async () => {
    const place = findPlace();
    await using tasks = createTasks(place);
    await using caller = CeleryCaller.start(place);
    await using ours = await OwnWorker.start(place);
    await using celery = await CeleryWorker.start(place);
    const sent: AsyncResult[] = [];
    const results = new Set<unknown>();
    // One of the workers may be too busy with itself to have any of the first ones.
    await eventually(async () => {
      const calls = Array.from({ length: 150 }, () => tasks.sendTask("shared.slow", [1]));
      const batch = await Promise.all(calls);
      sent.push(...batch);
      const pythonIds: string[] = [];
      for (let n = 0; n < 50; n++) pythonIds.push(await caller.send("shared.slow", [1]));
      for (const result of batch) results.add(await result.get({ timeoutMs: 30_000 }));
      for (const id of pythonIds) results.add(await caller.get(id));
      return results.size > 1;
    });
    expect(results).toEqual(new Set(["python", ours.pid]));
    const records = await Promise.all(sent.map((result) => result.record()));
    expect(records.every(({ runs }) => runs <= 1)).toBe(true);
    expect(celery.child.exitCode).toBeNull();
    await eventually(async () => {
      const { waiting, taken } = await tasks.queues.count("celery");
      return waiting + (taken ?? 0) === 0;
    });
  });
}

/** How many of these tasks run. */
export async function countStarted(sent: readonly AsyncResult[]): Promise<number> {
  const records = await Promise.all(sent.map((result) => result.record()));
  return records.filter(({ state }) => state === "STARTED").length;
}
