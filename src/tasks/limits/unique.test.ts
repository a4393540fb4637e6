import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, onTestFinished, test, vi } from "vitest";

import { MemoryBroker } from "../brokers/memory.ts";
import { currentTask } from "../current-task.ts";
import { MemoryResults } from "../results/memory.ts";
import { createTasks, type Tasks } from "../tasks.ts";
import type { Claim, KeyHolder } from "./limit-store.ts";
import { MemoryLimits } from "./memory.ts";
import type { UniqueOptions } from "./unique-options.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-unique-"));
let files = 0;
afterAll(() => rm(folder, { recursive: true }));

function open(kind: "memory" | "sqlite"): Tasks {
  const url = kind === "memory" ? "memory:" : `sqlite:${join(folder, `${files++}.db`)}`;
  return createTasks({ broker: url, results: url });
}

describe.each(["memory", "sqlite"] as const)("unique tasks in %s", (kind) => {
  test("are sent once while one of the same arguments waits, and again when it has ended", async () => {
    await using tasks = open(kind);
    let runs = 0;
    const sync = tasks.task("sync", { unique: true }, (name: string) => `${name} ${++runs}`);
    const sent = await Promise.all(["a", "a", "b", "a"].map((name) => sync.delay(name)));
    const ids = sent.map(({ id }) => id);
    expect([ids[1], ids[3]]).toEqual([ids[0], ids[0]]);
    expect(ids[2]).not.toBe(ids[0]);
    const many = await sync.applyMany([["b"], ["a"]]);
    expect(many.map(({ id }) => id)).toEqual([ids[2], ids[0]]);
    await using worker = tasks.createWorker();
    await worker.start();
    await Promise.all(sent.map((result) => result.get({ timeoutMs: 20_000 })));
    expect(runs).toBe(2);
    const again = await sync.delay("a");
    expect(again.id).not.toBe(ids[0]);
    expect(await again.get({ timeoutMs: 20_000 })).toBe("a 3");
  });

  test("stay unique while they run and over their retries, and are free whatever the end", async () => {
    await using tasks = open(kind);
    const gates: (() => void)[] = [];
    const options = { unique: true, maxRetries: 1, retryDelayMs: 200 };
    const failing = tasks.task("failing", options, async () => {
      const { signal } = currentTask();
      await new Promise<void>((resolve) => {
        gates.push(resolve);
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve());
      });
      throw new Error("no");
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const first = await failing.delay();
    await expect.poll(() => gates).toHaveLength(1);
    expect((await failing.delay()).id).toBe(first.id);
    gates[0]?.();
    await expect.poll(async () => (await first.record()).retries).toBe(1);
    expect((await failing.delay()).id).toBe(first.id);
    await expect.poll(() => gates).toHaveLength(2);
    expect((await failing.delay()).id).toBe(first.id);
    gates[1]?.();
    await expect(first.get({ timeoutMs: 20_000 })).rejects.toThrow("no");
    const second = await failing.delay();
    expect(second.id).not.toBe(first.id);
    await second.cancel();
    await expect(second.get({ timeoutMs: 20_000 })).rejects.toThrow("revoked");
    const expired = await failing.applyAsync([], { expires: new Date(1) });
    expect(expired.id).not.toBe(second.id);
    await expect(expired.get({ timeoutMs: 20_000 })).rejects.toThrow("expired");
    const last = await failing.delay();
    expect(last.id).not.toBe(expired.id);
    await last.cancel();
  });

  test("are the same one by their key", async () => {
    await using tasks = open(kind);
    const key = ([user]: readonly unknown[]): string => String(user);
    const greet = tasks.task("greet", { unique: { key } }, (_user: string, _text: string) => 1);
    const first = await greet.delay("ann", "hello");
    expect((await greet.delay("ann", "good day")).id).toBe(first.id);
    expect((await greet.delay("bob", "hello")).id).not.toBe(first.id);
  });

  test("stand for others until they start, or only while they run", async () => {
    await using tasks = open(kind);
    const ends: (() => void)[] = [];
    const run = (): Promise<void> => new Promise((resolve) => ends.push(resolve));
    const queued = tasks.task("queued", { unique: { while: "queued" } }, run);
    const running = tasks.task("running", { unique: { while: "running" } }, run);
    await using worker = tasks.createWorker();
    const first = await queued.delay();
    expect((await queued.delay()).id).toBe(first.id);
    await worker.start();
    await expect.poll(() => ends).toHaveLength(1);
    const second = await queued.delay();
    expect(second.id).not.toBe(first.id);
    await expect.poll(() => ends).toHaveLength(2);
    for (const end of ends.splice(0)) end();
    const both = await Promise.all([running.delay(), running.delay()]);
    expect(both[0].id).not.toBe(both[1].id);
    await expect.poll(() => ends).toHaveLength(1);
    const ids = both.map(({ id }) => id);
    expect(ids).toContain((await running.delay()).id);
    ends[0]?.();
    await expect.poll(() => ends).toHaveLength(2);
    ends[1]?.();
    await Promise.all(both.map((result) => result.get({ timeoutMs: 20_000 })));
    expect(ids).not.toContain((await running.delay()).id);
    await expect.poll(() => ends).toHaveLength(3);
    ends[2]?.();
  });

  test("run the last of several calls when no other has come for a while", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    await using tasks = open(kind);
    const runs: string[] = [];
    const callKey = (): string => "";
    const options = { debounceMs: 300, callKey };
    const save = tasks.task("save", options, (text: string) => void runs.push(text));
    await using worker = tasks.createWorker();
    await worker.start();
    const sent = [];
    for (const text of ["a", "b", "c"]) sent.push(await save.delay(text));
    const [first, second, last] = sent;
    vi.setSystemTime(Date.now() + 300);
    await last?.get({ timeoutMs: 20_000 });
    expect(runs).toEqual(["c"]);
    for (const result of [first, second]) {
      await expect(result?.get({ timeoutMs: 20_000 })).rejects.toThrow("a later call has taken");
    }
    const next = await save.delay("d");
    vi.setSystemTime(Date.now() + 300);
    await next.get({ timeoutMs: 20_000 });
    expect(runs).toEqual(["c", "d"]);
    await expect(save.applyAsync(["e"], { countdownMs: 1 })).rejects.toThrow("debounceMs");
  });

  test("are tried again although a later call has come meanwhile", async () => {
    await using tasks = open(kind);
    const runs: string[] = [];
    const options = { debounceMs: 20, callKey: () => "", maxRetries: 1, retryDelayMs: 20 };
    const save = tasks.task("save", options, async (text: string) => {
      runs.push(text);
      if (runs.length > 1) return;
      await save.delay("b");
      throw new Error("not yet");
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const first = await save.delay("a");
    await first.get({ timeoutMs: 20_000 });
    await expect.poll(() => runs.toSorted()).toEqual(["a", "a", "b"]);
  });

  test("send one call in a time, and answer others with it", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    await using tasks = open(kind);
    let runs = 0;
    const ping = tasks.task("ping", { throttleMs: 500 }, () => ++runs);
    await using worker = tasks.createWorker();
    await worker.start();
    const first = await ping.delay();
    expect(await first.get({ timeoutMs: 20_000 })).toBe(1);
    expect((await ping.delay()).id).toBe(first.id);
    vi.setSystemTime(Date.now() + 500);
    expect((await ping.delay()).id).not.toBe(first.id);
    await expect.poll(() => runs).toBe(2);
  });
});

/** A store that remembers which keys it was asked for. */
class OpenLimits extends MemoryLimits {
  readonly keys: string[] = [];

  override async claim(claim: Claim): Promise<KeyHolder> {
    this.keys.push(claim.key);
    return super.claim(claim);
  }
}

function openOwn(limits: OpenLimits, broker: MemoryBroker = new MemoryBroker()): Tasks {
  Object.defineProperty(broker, "limits", { value: limits });
  return createTasks({ broker, results: new MemoryResults() });
}

describe("the key of a unique task", () => {
  test("is free when its sender died before it sent, and nobody is told of that call", async () => {
    const limits = new OpenLimits();
    await using tasks = openOwn(limits);
    const one = tasks.task("one", { unique: true }, () => 1);
    const first = await one.delay();
    const [key = ""] = limits.keys;
    await limits.unclaim(key, first.id);
    await limits.claim({ key, id: "dead", ttlMs: 200, firm: false });
    expect((await one.delay()).id).not.toBe("dead");
  });

  test("is free when its worker died before it gave it back", async () => {
    const limits = new OpenLimits();
    await using tasks = openOwn(limits);
    const one = tasks.task("one", { unique: true }, () => 1);
    const first = await one.delay();
    await using worker = tasks.createWorker();
    await worker.start();
    await first.get({ timeoutMs: 20_000 });
    const [key = ""] = limits.keys;
    await limits.replace({ key, id: first.id, ttlMs: 60_000, firm: true });
    expect((await one.delay()).id).not.toBe(first.id);
  });

  test("is free when the broker did not take the call", async () => {
    const limits = new OpenLimits();
    await using tasks = openOwn(limits, new MemoryBroker({ capacity: 1 }));
    const one = tasks.task("one", { unique: true, publishRetry: false }, (n: number) => n);
    await one.delay(1);
    await expect(one.delay(2)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(await limits.holder(limits.keys.at(-1) ?? "")).toBeNull();
  });
});

describe("options of unique tasks", () => {
  test.each([
    { unique: { ttlMs: 0 } },
    { debounceMs: 0 },
    { throttleMs: -1 },
    { unique: true, debounceMs: 1 },
    { debounceMs: 1, throttleMs: 1 },
  ] satisfies UniqueOptions[])("are refused when they make no sense: %j", (options) => {
    const tasks = createTasks({ broker: "memory:", results: "memory:" });
    expect(() => tasks.task("t", options, () => 1)).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID" }),
    );
  });
});
