import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, onTestFinished, test, vi } from "vitest";

import { TidingsError } from "../../core/errors.ts";
import { MemoryBroker } from "../brokers/memory.ts";
import { currentTask } from "../current-task.ts";
import { MemoryResults } from "../results/memory.ts";
import { createTasks, type Tasks } from "../tasks.ts";
import type { LimitOptions } from "./limit-options.ts";
import type { Claim, Entrant, HeldSlot, Refusal } from "./limit-store.ts";
import { MemoryLimits } from "./memory.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-run-limits-"));
let files = 0;
afterAll(() => rm(folder, { recursive: true }));

function open(kind: "memory" | "sqlite"): Tasks {
  const url = kind === "memory" ? "memory:" : `sqlite:${join(folder, `${files++}.db`)}`;
  return createTasks({ broker: url, results: url });
}

/** Runs that can be counted and ended one by one. */
class Runs {
  readonly started: unknown[] = [];
  readonly #ends = new Map<unknown, () => void>();
  #running = 0;
  peak = 0;

  readonly run = async (name: unknown): Promise<unknown> => {
    this.peak = Math.max(this.peak, ++this.#running);
    this.started.push(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ends.set(name, resolve);
    await promise;
    this.#running--;
    return name;
  };

  end(name: unknown): void {
    this.#ends.get(name)?.();
  }
}

describe.each(["memory", "sqlite"] as const)("limits of tasks in %s", (kind) => {
  test("let no more run at once than they say, whatever the worker, and others meanwhile", async () => {
    await using tasks = open(kind);
    const runs = new Runs();
    const one = tasks.task("one", { concurrency: { limit: 1 } }, runs.run);
    const other = tasks.task("other", (n: number) => n);
    await using first = tasks.createWorker({ concurrency: 2 });
    await using second = tasks.createWorker({ concurrency: 2 });
    await Promise.all([first.start(), second.start()]);
    const sent = await Promise.all(["a", "b", "c", "d", "e", "f"].map((name) => one.delay(name)));
    await expect.poll(() => runs.started).toHaveLength(1);
    const others = await Promise.all([1, 2, 3].map((n) => other.delay(n)));
    await Promise.all(others.map((result) => result.get({ timeoutMs: 20_000 })));
    for (let ended = 0; ended < 6; ended++) {
      await expect.poll(() => runs.started).toHaveLength(ended + 1);
      runs.end(runs.started[ended]);
    }
    await Promise.all(sent.map((result) => result.get({ timeoutMs: 20_000 })));
    expect(runs.peak).toBe(1);
    const records = await Promise.all(sent.map((result) => result.record()));
    expect(records.map((record) => record.runs)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test("count calls with different keys by themselves", async () => {
    await using tasks = open(kind);
    const runs = new Runs();
    const concurrency = { limit: 1, key: ([name]: readonly unknown[]) => String(name).slice(0, 1) };
    const one = tasks.task("one", { concurrency }, runs.run);
    await using worker = tasks.createWorker();
    await worker.start();
    const names = ["a1", "a2", "b1", "b2"];
    const sent = await Promise.all(names.map((name) => one.delay(name)));
    await expect.poll(() => new Set(runs.started)).toEqual(new Set(["a1", "b1"]));
    runs.end("a1");
    await expect.poll(() => runs.started).toContain("a2");
    expect(runs.started).not.toContain("b2");
    runs.end("b1");
    await expect.poll(() => runs.started).toContain("b2");
    for (const name of ["a2", "b2"]) runs.end(name);
    await Promise.all(sent.map((result) => result.get({ timeoutMs: 20_000 })));
  });

  test.each(["worker", "global"] as const)("spread the runs of a rate: %s", async (scope) => {
    await using tasks = open(kind);
    const started: { readonly n: number; readonly at: number }[] = [];
    const rateLimit = { count: 20, perMs: 1_000, scope };
    const slow = tasks.task("slow", { rateLimit }, (n: number) => {
      started.push({ n, at: Date.now() });
    });
    const sent = [];
    for (let n = 0; n < 12; n++) sent.push(await slow.delay(n));
    await using worker = tasks.createWorker();
    const startedAt = Date.now();
    await worker.start();
    await Promise.all(sent.map((result) => result.get({ timeoutMs: 20_000 })));
    // Whoever is late on a busy machine loses its turn: in which order they run is not what is asked here.
    expect(new Set(started.map(({ n }) => n)).size).toBe(12);
    // 12 runs are 11 intervals of 50 ms, less the slack of a rate. On a busy machine the first is late, too.
    expect((started.at(-1)?.at ?? 0) - startedAt).toBeGreaterThanOrEqual(500);
  });

  test("let each of two workers have its rate, whichever took the calls first", async () => {
    await using tasks = open(kind);
    const begun = Promise.withResolvers<void>();
    const slow = tasks.task("slow", { rateLimit: "10/s" }, () => {
      begun.resolve();
      return currentTask().workerName;
    });
    await using first = tasks.createWorker({ name: "first" });
    await using second = tasks.createWorker({ name: "second" });
    await first.start();
    const sent = await Promise.all(Array.from({ length: 30 }, () => slow.delay()));
    await begun.promise;
    await second.start();
    const names = await Promise.all(sent.map((result) => result.get({ timeoutMs: 20_000 })));
    // Each has a turn every tenth of a second, so that they share what there is about equally.
    expect(names.filter((name) => name === "second").length).toBeGreaterThan(9);
    expect(names.filter((name) => name === "first").length).toBeGreaterThan(9);
  });

  test("give a slot back, whatever the end", async () => {
    await using tasks = open(kind);
    const one = tasks.task("one", { concurrency: { limit: 1 } }, (name: string) => {
      if (name === "failing") throw new Error("no");
      return name;
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const failing = await one.delay("failing");
    await expect(failing.get({ timeoutMs: 20_000 })).rejects.toMatchObject({ code: "TASK_FAILED" });
    const expired = await one.applyAsync(["expired"], { expires: new Date(1) });
    await expect(expired.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "TASK_CANCELLED",
    });
    expect(await (await one.delay("last")).get({ timeoutMs: 20_000 })).toBe("last");
  });

  test("go on after those who waited have been cancelled", async () => {
    await using tasks = open(kind);
    const runs = new Runs();
    const one = tasks.task("one", { concurrency: { limit: 1 } }, runs.run);
    await using worker = tasks.createWorker();
    await worker.start();
    await one.delay("first");
    await expect.poll(() => runs.started).toEqual(["first"]);
    const waiting = await Promise.all(["x", "y", "z"].map((name) => one.delay(name)));
    const last = await one.delay("last");
    for (const result of waiting) await result.cancel();
    runs.end("first");
    await expect.poll(() => runs.started).toEqual(["first", "last"]);
    runs.end("last");
    await last.get({ timeoutMs: 20_000 });
  });

  test("keep a slot for as long as a function goes on that was given up", async () => {
    await using tasks = open(kind);
    const runs = new Runs();
    const one = tasks.task("one", { concurrency: { limit: 1 } }, runs.run);
    const stubborn = tasks.createWorker({ concurrency: 1 });
    await stubborn.start();
    await one.delay("stubborn");
    await expect.poll(() => runs.started).toEqual(["stubborn"]);
    await stubborn.stop({ signal: AbortSignal.abort() });
    await using worker = tasks.createWorker({ concurrency: 1 });
    await worker.start();
    const next = await one.delay("next");
    const other = tasks.task("other", () => 1);
    await (await other.delay()).get({ timeoutMs: 20_000 });
    expect(runs.started).toEqual(["stubborn"]);
    // It was handed back: it runs once more.
    for (let ended = 0; ended < 3; ended++) {
      await expect.poll(() => runs.started).toHaveLength(ended + 1);
      runs.end(runs.started[ended]);
    }
    await next.get({ timeoutMs: 20_000 });
    expect(runs.peak).toBe(1);
  });
});

describe("limits of a worker", () => {
  test("change while it works", async () => {
    await using tasks = open("memory");
    let runs = 0;
    const slow = tasks.task("slow", { rateLimit: "1/h" }, () => void runs++);
    await using worker = tasks.createWorker();
    await worker.start();
    await slow.delay();
    await expect.poll(() => runs).toBe(1);
    worker.setRateLimit("slow", null);
    await (await slow.delay()).get({ timeoutMs: 20_000 });
    worker.setRateLimit("slow", { count: 1_000, perMs: 1_000 });
    await (await slow.delay()).get({ timeoutMs: 20_000 });
    expect(runs).toBe(3);
    expect(() => worker.setRateLimit("slow", "often")).toThrow("rate above 0");
  });

  test("fail a task whose key is no text", async () => {
    await using tasks = open("memory");
    const key = (): string => JSON.parse("1");
    const one = tasks.task("one", { concurrency: { limit: 1, key } }, () => 1);
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await one.delay();
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toThrow(
      "expected the key for `concurrency` of task one to be text, got number",
    );
  });

  test("have a task wait when nobody can be asked", async () => {
    class UnreachableOnce extends MemoryLimits {
      asked = 0;
      override async admit(entrant: Entrant): Promise<Refusal | null> {
        if (++this.asked === 1) throw new TidingsError("STORAGE_UNAVAILABLE", "no");
        return super.admit(entrant);
      }
    }
    const limits = new UnreachableOnce();
    const broker = Object.defineProperty(new MemoryBroker(), "limits", { value: limits });
    await using tasks = createTasks({ broker, results: new MemoryResults() });
    const one = tasks.task("one", { concurrency: { limit: 1 } }, () => 1);
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await (await one.delay()).get({ timeoutMs: 20_000 })).toBe(1);
    expect(limits.asked).toBe(2);
  });

  test("have a unique task wait when nobody can be asked for its key", async () => {
    class UnreachableOnce extends MemoryLimits {
      asked = 0;
      override async keep(claim: Claim): Promise<void> {
        // The first one is that of who sends it.
        if (++this.asked === 2) throw new TidingsError("STORAGE_UNAVAILABLE", "no");
        return super.keep(claim);
      }
    }
    const limits = new UnreachableOnce();
    const broker = Object.defineProperty(new MemoryBroker(), "limits", { value: limits });
    await using tasks = createTasks({ broker, results: new MemoryResults() });
    let runs = 0;
    const one = tasks.task("one", { unique: true }, () => ++runs);
    await using worker = tasks.createWorker();
    await worker.start();
    const sent = await one.delay();
    expect(await sent.get({ timeoutMs: 20_000 })).toBe(1);
    expect(limits.asked).toBe(3);
    expect((await sent.record()).runs).toBe(1);
  });

  test("let a run keep its slot when the clock is set forth", async () => {
    const renew = vi.spyOn(MemoryLimits.prototype, "renew");
    onTestFinished(() => renew.mockRestore());
    await using tasks = createTasks({ broker: new MemoryBroker(), results: new MemoryResults() });
    const runs = new Runs();
    const one = tasks.task("one", { concurrency: { limit: 1 } }, runs.run);
    await using worker = tasks.createWorker({ leaseMs: 300 });
    await worker.start();
    const [first, second] = [await one.delay("first"), await one.delay("second")];
    await expect.poll(() => runs.started).toEqual(["first"]);
    const now = Date.now;
    const clock = vi.spyOn(Date, "now").mockImplementation(() => now() + 3_600_000);
    onTestFinished(() => clock.mockRestore());
    const renewals = renew.mock.calls.length;
    await expect.poll(() => renew.mock.calls.length).toBeGreaterThan(renewals + 1);
    runs.end("first");
    expect(await first.get({ timeoutMs: 20_000 })).toBe("first");
    await expect.poll(() => runs.started).toEqual(["first", "second"]);
    runs.end("second");
    expect(await second.get({ timeoutMs: 20_000 })).toBe("second");
    expect(runs.peak).toBe(1);
    expect((await first.record()).runs).toBe(1);
  });

  test("give up a run whose slot could not be renewed for as long as it holds", async () => {
    class Unreachable extends MemoryLimits {
      override async renew(): Promise<readonly HeldSlot[]> {
        throw new TidingsError("STORAGE_UNAVAILABLE", "no");
      }
    }
    const broker = new MemoryBroker();
    Object.defineProperty(broker, "limits", { value: new Unreachable() });
    await using tasks = createTasks({ broker, results: new MemoryResults() });
    const reasons: unknown[] = [];
    const one = tasks.task("one", { concurrency: { limit: 1 } }, async () => {
      const { signal } = currentTask();
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve());
      });
      reasons.push(signal.reason);
    });
    await using worker = tasks.createWorker({ leaseMs: 300 });
    await worker.start();
    await one.delay();
    await expect.poll(() => reasons[0]).toMatchObject({ code: "TASK_LEASE_LOST" });
    await worker.stop({ signal: AbortSignal.abort() });
  });
});

describe("options of limits", () => {
  const refused = (options: LimitOptions): unknown => {
    try {
      createTasks({ broker: "memory:", results: "memory:" }).task("t", options, () => 1);
      return undefined;
    } catch (error) {
      return error;
    }
  };

  test.each([
    { rateLimit: "10/d" },
    { rateLimit: "0/s" },
    { rateLimit: "" },
    { rateLimit: { count: 0, perMs: 1 } },
    { rateLimit: { count: 1, perMs: 0 } },
    { concurrency: { limit: 0 } },
  ])("are refused when they make no sense: %j", (options) => {
    expect(refused(options)).toMatchObject({ code: "OPTION_INVALID" });
  });

  test.each(["10", "0.5/s", "10/s", "100/m", "1000/h"])("know Celery's words: %s", (rateLimit) => {
    expect(refused({ rateLimit })).toBeUndefined();
  });

  test("are refused where nothing can count for all workers", async () => {
    const broker = Object.defineProperty(new MemoryBroker(), "limits", { value: undefined });
    const results = Object.defineProperty(new MemoryResults(), "limits", { value: undefined });
    await using tasks = createTasks({ broker, results });
    tasks.task("own", { rateLimit: "10/s" }, () => 1);
    expect(() => tasks.task("shared", { concurrency: { limit: 1 } }, () => 1)).toThrow(
      "for the limits of task `shared`",
    );
  });
});
