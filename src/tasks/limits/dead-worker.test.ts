import { afterEach, expect, test, vi } from "vitest";

import { createTasks } from "../tasks.ts";

afterEach(() => void vi.useRealTimers());

test("a slot of a worker that died is another's within 15 seconds, with the leases that workers have", async () => {
  vi.useFakeTimers();
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const begun: string[] = [];
  const one = tasks.task("one", { concurrency: { limit: 1 } }, async (name: string) => {
    begun.push(name);
    if (begun.length === 1) await new Promise(() => {});
  });
  const dying = tasks.createWorker({ concurrency: 1 });
  await dying.start();
  await one.delay("first");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(begun).toEqual(["first"]);
  // Nothing of it goes on but what it has: no lease is renewed, and it has no room for more.
  vi.clearAllTimers();
  const diedAt = Date.now();
  const worker = tasks.createWorker();
  await worker.start();
  await one.delay("second");
  while (begun.length < 3 && Date.now() - diedAt < 60_000) await vi.advanceTimersByTimeAsync(100);
  expect(Date.now() - diedAt).toBeLessThanOrEqual(15_000);
  expect(begun.toSorted()).toEqual(["first", "first", "second"]);
  vi.useRealTimers();
  await worker.stop();
  await dying.stop({ signal: AbortSignal.abort() });
});
