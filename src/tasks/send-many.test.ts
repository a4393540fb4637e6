import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";

import { MemoryBroker } from "./brokers/memory.ts";
import { SqliteBroker } from "./brokers/sqlite.ts";
import { SentPartlyError } from "./send-many.ts";
import { createTasks } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-many-"));

afterAll(() => rm(folder, { recursive: true }));

describe("many calls", () => {
  test("are all sent, and give their results in their order", async () => {
    await using tasks = createTasks({ broker: "memory:", results: "memory:" });
    const double = tasks.task("double", (x: number) => 2 * x);
    const calls = Array.from({ length: 1_201 }, (_, n): [number] => [n]);
    const sent = await double.applyMany(calls);
    await using worker = tasks.createWorker({ concurrency: 100 });
    await worker.start();
    const results = await Promise.all(sent.map((result) => result.get({ timeoutMs: 20_000 })));
    expect(results).toEqual(calls.map(([n]) => 2 * n));
  });

  test("of different tasks have their own names, arguments and options", async () => {
    const broker = new MemoryBroker();
    await using tasks = createTasks({ broker, results: "memory:" });
    const [first] = await tasks.sendMany([
      { name: "one", args: [1], taskId: "id-1" },
      { name: "two", kwargs: { x: 1 }, queue: "second" },
    ]);
    expect(first?.id).toBe("id-1");
    const queues = ["celery", "second"];
    const deliveries = await broker.take({ queues, limit: 9, leaseMs: 1_000 });
    expect(deliveries.map(({ queue, message: { headers } }) => [queue, headers])).toMatchObject([
      ["celery", { task: "one", argsrepr: "(1,)" }],
      ["second", { task: "two", kwargsrepr: "{'x': 1}" }],
    ]);
  });

  test("are one commit on SQLite", async () => {
    const file = join(folder, "commits.db");
    const broker = new SqliteBroker(file);
    await using tasks = createTasks({ broker, results: "memory:" });
    const other = new DatabaseSync(file);
    const version = (): unknown => other.prepare("PRAGMA data_version").get()?.["data_version"];
    const before = Number(version());
    const seen = new Set<unknown>();
    const leave = broker.onChange(() => seen.add(version()));
    await tasks.sendMany(Array.from({ length: 500 }, () => ({ name: "any" })));
    leave();
    expect(Number(version())).toBeGreaterThan(before);
    expect(seen.size).toBe(1);
    expect(other.prepare("SELECT count(*) AS n FROM tidings_messages").get()).toEqual({ n: 500 });
    other.close();
    await broker.close();
  });

  test("are not sent when one of them makes no sense", async () => {
    const broker = new MemoryBroker();
    await using tasks = createTasks({ broker, results: "memory:" });
    const positive = tasks.task("positive", { input: z.number().positive() }, (x) => x);
    await expect(positive.applyMany([[1], [-1]])).rejects.toMatchObject({
      code: "TASK_INVALID_ARGUMENTS",
    });
    const calls = [{ name: "one" }, { name: "two", args: [() => 1] }];
    await expect(tasks.sendMany(calls)).rejects.toMatchObject({ code: "TASK_INVALID_ARGUMENTS" });
    expect(await broker.take({ queues: ["celery"], limit: 9, leaseMs: 1_000 })).toEqual([]);
  });

  test("that could be sent partly say what came of each", async () => {
    const broker = new MemoryBroker({ capacity: 2 });
    await using tasks = createTasks({ broker, results: "memory:" });
    const publishRetry = false;
    const calls = ["a", "b", "c"].map((taskId) => ({ name: "any", taskId, publishRetry }));
    const error = await tasks.sendMany(calls).catch((thrown: unknown) => thrown);
    if (!(error instanceof SentPartlyError)) throw new Error("all were sent");
    expect(error).toMatchObject({ code: "TASK_SENT_PARTLY" });
    expect(error.message).toContain("1 of 3 calls were not sent");
    expect(error.outcomes).toMatchObject([
      { status: "fulfilled", value: { id: "a" } },
      { status: "fulfilled", value: { id: "b" } },
      { status: "rejected", reason: { code: "STORAGE_UNAVAILABLE" } },
    ]);
  });

  test("of which none could be sent throw why, and do not try on", async () => {
    const broker = new MemoryBroker({ capacity: 1 });
    await using tasks = createTasks({ broker, results: "memory:" });
    const noop = tasks.task("noop", { publishRetry: { maxRetries: 0 } }, () => null);
    await noop.delay();
    const calls = Array.from({ length: 501 }, (): [] => []);
    await expect(noop.applyMany(calls)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("are bounded", async () => {
    await using tasks = createTasks({ broker: "memory:", results: "memory:" });
    const noop = tasks.task("noop", () => null);
    const calls = Array.from({ length: 100_001 }, (): [] => []);
    await expect(noop.applyMany(calls)).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });
});
