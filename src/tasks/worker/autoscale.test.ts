import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { createTasks } from "../tasks.ts";
import { Autoscale } from "./autoscale.ts";
import { AsyncPool } from "./pools/async.ts";
import type { WorkerOptions } from "./worker-options.ts";

describe("autoscaling", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("grows to what waits while all are busy, up to its maximum", async () => {
    const pool = new AsyncPool(1);
    const autoscale = new Autoscale({ max: 5, min: 1 }, pool);
    await autoscale.check(0, () => Promise.reject(new Error("was not to be asked")));
    await autoscale.check(1, async () => 0);
    expect(pool.size).toBe(1);
    await autoscale.check(1, async () => 2);
    expect(pool.size).toBe(3);
    await autoscale.check(3, async () => 100);
    expect(pool.size).toBe(5);
    await autoscale.check(5, () => Promise.reject(new Error("was not to be asked")));
  });

  test("shrinks to what was needed lately, down to its minimum", async () => {
    const pool = new AsyncPool(2);
    const autoscale = new Autoscale({ max: 10, min: 2 }, pool);
    await autoscale.check(2, async () => 8);
    await autoscale.check(7, async () => 0);
    vi.advanceTimersByTime(30_000);
    await autoscale.check(3, async () => 0);
    expect(pool.size).toBe(10);
    vi.advanceTimersByTime(30_000);
    await autoscale.check(1, async () => 0);
    expect(pool.size).toBe(7);
    vi.advanceTimersByTime(30_000);
    await autoscale.check(0, async () => 0);
    expect(pool.size).toBe(3);
    vi.advanceTimersByTime(30_000);
    await autoscale.check(0, async () => 0);
    expect(pool.size).toBe(2);
  });
});

test.each([
  [{ autoscale: { max: 1, min: 2 } }, "`autoscale.min` to be at most `autoscale.max`, 1"],
  [{ autoscale: { max: 1, min: 0 } }, "`autoscale.min` to be a positive integer"],
  [{ autoscale: { max: 4, min: 1 }, concurrency: 2 }, "`concurrency` to be absent"],
  [{ prefetchMultiplier: 0 }, "`prefetchMultiplier` to be a positive integer"],
] satisfies (readonly [WorkerOptions, string])[])("a worker refuses %j", (options, message) => {
  const tasks = createTasks({ broker: "memory:", results: "memory:" });
  expect(() => tasks.createWorker(options)).toThrow(message);
});
