import { afterEach, describe, expect, test, vi } from "vitest";

import { TidingsError } from "../../core/errors.ts";
import { Interruption } from "./interruption.ts";

afterEach(() => void vi.useRealTimers());

describe("an interruption", () => {
  test("fires the signal with its reason, also for those who ask later", () => {
    const interruption = new Interruption();
    const { signal } = interruption;
    expect(signal.aborted).toBe(false);
    interruption.interrupt("cancelled");
    expect(signal.reason).toMatchObject({
      code: "TASK_CANCELLED",
      message: "the task was cancelled",
    });
    const late = new Interruption();
    late.interrupt("stopping");
    expect(late.signal.reason).toMatchObject({
      message: "the worker stops; the task will run again",
    });
    interruption.close();
    late.close();
  });

  test("keeps its first kind, but a lost lease counts more", () => {
    const interruption = new Interruption();
    interruption.interrupt("stopping");
    interruption.interrupt("cancelled");
    expect(interruption.kind).toBe("stopping");
    interruption.interrupt("lease-lost");
    expect(interruption.kind).toBe("lease-lost");
    interruption.close();
  });

  test.each([
    ["cancelled", 5_000],
    ["stopping", 1_000],
  ] as const)("gives a %s task %i ms to end", async (kind, graceMs) => {
    vi.useFakeTimers();
    const interruption = new Interruption();
    let isOverdue = false;
    void interruption.overdue.then(() => (isOverdue = true));
    interruption.interrupt(kind);
    await vi.advanceTimersByTimeAsync(graceMs - 1);
    expect(isOverdue).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isOverdue).toBe(true);
  });

  test("gives a cancelled task no longer than a stopping worker has", async () => {
    vi.useFakeTimers();
    const interruption = new Interruption();
    let isOverdue = false;
    void interruption.overdue.then(() => (isOverdue = true));
    interruption.interrupt("cancelled");
    await vi.advanceTimersByTimeAsync(500);
    interruption.interrupt("stopping");
    interruption.interrupt("cancelled");
    await vi.advanceTimersByTimeAsync(999);
    expect(isOverdue).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isOverdue).toBe(true);
    expect(interruption.kind).toBe("cancelled");
  });

  test("gives no more time when the worker stops at the end of it", async () => {
    vi.useFakeTimers();
    const interruption = new Interruption();
    let isOverdue = false;
    void interruption.overdue.then(() => (isOverdue = true));
    interruption.interrupt("cancelled");
    await vi.advanceTimersByTimeAsync(4_900);
    interruption.interrupt("stopping");
    await vi.advanceTimersByTimeAsync(100);
    expect(isOverdue).toBe(true);
  });

  test("lets a task wait that has reached its soft time limit", async () => {
    const interruption = new Interruption();
    interruption.warn(new TidingsError("TASK_SOFT_TIME_LIMIT", "it took long"));
    const startedAt = performance.now();
    await interruption.wait(50);
    expect(performance.now() - startedAt).toBeGreaterThan(40);
  });

  test("does not wait once it has come", async () => {
    const interruption = new Interruption();
    interruption.interrupt("stopping");
    await expect(interruption.wait(60_000)).resolves.toBeUndefined();
    interruption.close();
  });

  test("ends a wait early", async () => {
    const interruption = new Interruption();
    const waiting = interruption.wait(60_000);
    interruption.interrupt("stopping");
    await expect(waiting).resolves.toBeUndefined();
    interruption.close();
  });
});
