import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { inspect } from "node:util";

import { afterAll, describe, expect, test } from "vitest";

import { silentLogger } from "../../core/logger.ts";
import { openTaskDatabase } from "../database/task-database.ts";
import { createTasks } from "../tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-outage-"));
let files = 0;
const newFile = (): string => join(folder, `${files++}.db`);

afterAll(() => rm(folder, { recursive: true }));

describe("a worker whose disk is full", () => {
  test("says so, refuses what is sent, and loses no outcome", async () => {
    const path = newFile();
    const said: string[] = [];
    const warn = (fields: object | string, text?: string): void => {
      if (text !== undefined) said.push(`${text}: ${JSON.stringify(fields)}`);
    };
    const url = `sqlite:${path}`;
    await using tasks = createTasks({
      broker: url,
      results: url,
      logger: { ...silentLogger, warn },
    });
    const database = openTaskDatabase(path);
    const ask = (sql: string): number =>
      Number(Object.values(database.prepare(sql).get() ?? {})[0]);
    let runs = 0;
    const task = tasks.task("tasks.large", () => {
      // The file may grow no more.
      if (++runs === 1) ask(`PRAGMA max_page_count = ${ask("PRAGMA page_count")}`);
      return "x".repeat(200_000);
    });
    const results = await Promise.all([task.delay(), task.delay(), task.delay()]);
    await using worker = tasks.createWorker({ concurrency: 1 });
    await worker.start();
    await expect.poll(() => said.join("\n")).toContain("an outcome could not be stored");
    const large = task.applyAsync([], { headers: { filler: "y".repeat(50_000) } });
    await expect(large).rejects.toThrow("the disk is full");
    ask("PRAGMA max_page_count = 1000000");
    const outcomes = await Promise.all(results.map((result) => result.get({ timeoutMs: 20_000 })));
    expect(outcomes.map(({ length }) => length)).toEqual([200_000, 200_000, 200_000]);
    expect(runs).toBe(3);
    database.close();
  }, 60_000);
});

describe("a worker whose database another program holds locked", () => {
  test("says so, refuses what is sent, and goes on when it is free", async () => {
    const path = newFile();
    const said: string[] = [];
    const say = (fields: object | string, text?: string): void => {
      if (text !== undefined) said.push(`${text}: ${inspect(fields)}`);
    };
    const url = `sqlite:${path}`;
    const logger = { ...silentLogger, warn: say, error: say };
    await using tasks = createTasks({ broker: url, results: url, logger });
    using other = new DatabaseSync(path);
    const runs: number[] = [];
    const task = tasks.task("tasks.once", (n: number) => {
      if (n === 1) other.exec("BEGIN IMMEDIATE");
      return runs.push(n);
    });
    const results = await Promise.all([1, 2, 3].map((n) => task.delay(n)));
    await using worker = tasks.createWorker({ concurrency: 1 });
    await worker.start();
    await expect.poll(() => other.isTransaction).toBe(true);
    await expect(task.delay(4)).rejects.toThrow("is locked by another process");
    await expect.poll(() => said.join("\n")).toContain("is locked by another process");
    expect(runs).toEqual([1]);
    other.exec("COMMIT");
    const outcomes = await Promise.all(results.map((result) => result.get({ timeoutMs: 20_000 })));
    expect(outcomes).toEqual([1, 2, 3]);
    expect(runs).toEqual([1, 2, 3]);
  }, 60_000);
});
