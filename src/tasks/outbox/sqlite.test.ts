import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";

import { MemoryBroker } from "../brokers/memory.ts";
import { createTasks } from "../tasks.ts";
import { SqliteOutbox } from "./sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-outbox-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true }));

/** A database of the user's, in either journal mode, and an outbox in it. */
async function make(journal: "wal" | "delete" = "wal") {
  const path = join(folder, `${files++}.db`);
  const database = new DatabaseSync(path);
  database.exec(
    `PRAGMA journal_mode = ${journal}; CREATE TABLE orders (name TEXT NOT NULL) STRICT`,
  );
  const broker = new MemoryBroker();
  const tasks = createTasks({ broker, results: "memory:" });
  const outbox = tasks.createOutbox(new SqliteOutbox(path));
  await outbox.install();
  await outbox.install();
  return {
    database,
    broker,
    tasks,
    outbox,
    async [Symbol.asyncDispose]() {
      await outbox.stop();
      await tasks.close();
      database.close();
    },
  };
}

describe.each(["wal", "delete"] as const)("an outbox in SQLite with journal %s", (journal) => {
  test("sends what was committed, in its order, and not what was rolled back", async () => {
    await using made = await make(journal);
    const { database, outbox, broker, tasks } = made;
    await outbox.start();
    for (let n = 0; n < 20; n++) {
      database.exec("BEGIN");
      database.prepare("INSERT INTO orders VALUES (?)").run(`order ${n}`);
      // Not awaited: what follows must not come in between.
      void outbox.in(database).send("orders.confirm", [n]);
      database.exec(n % 4 === 3 ? "ROLLBACK" : "COMMIT");
    }
    await expect.poll(() => broker.contents.count("celery")).toMatchObject({ waiting: 15 });
    await expect.poll(() => outbox.backlog()).toEqual({ count: 0, oldestAt: null });
    const ran: number[] = [];
    tasks.task("orders.confirm", (n: number) => ran.push(n));
    await using worker = tasks.createWorker({ concurrency: 1 });
    await worker.start();
    await expect.poll(() => ran.length).toBe(15);
    expect(ran).toEqual(Array.from({ length: 20 }, (_, n) => n).filter((n) => n % 4 !== 3));
  });
});

describe("an outbox in SQLite", () => {
  test("writes options and typed arguments down, and gives the result of the task", async () => {
    await using made = await make();
    const { database, outbox, tasks } = made;
    const task = tasks.task("t", { queue: "mail" }, (when: Date, size: bigint) => [when, size]);
    const when = new Date(1_795_208_508_829);
    const result = await outbox.in(database).send(task, [when, 2n ** 70n], { priority: 3 });
    expect(await outbox.backlog()).toMatchObject({ count: 1 });
    await outbox.start();
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await result.get({ timeoutMs: 20_000 })).toEqual([when, 2n ** 70n]);
    expect(await result.record()).toMatchObject({ queue: "mail", state: "SUCCESS" });
  });

  test("refuses what could not be sent, and writes nothing", async () => {
    await using made = await make();
    const { database, outbox, tasks } = made;
    const input = z.object({ to: z.string() });
    const task = tasks.task("t", { input }, ({ to }) => to);
    const slow = tasks.task("slow", { input: input.refine(async () => true) }, ({ to }) => to);
    const writer = outbox.in(database);
    const wrong: unknown = { to: 5 };
    await expect(Reflect.apply(writer.send, writer, [task, [wrong]])).rejects.toMatchObject({
      code: "TASK_INVALID_ARGUMENTS",
    });
    await expect(writer.send(slow, [{ to: "a" }])).rejects.toMatchObject({
      code: "APP_INVALID_DEFINITION",
    });
    await expect(writer.send("other", [], { countdownMs: -1 })).rejects.toMatchObject({
      code: "OPTION_INVALID",
    });
    const once = tasks.task("once", { unique: true }, () => 1);
    await expect(writer.send(once, [])).rejects.toMatchObject({ code: "OPTION_INVALID" });
    expect(await outbox.backlog()).toEqual({ count: 0, oldestAt: null });
    expect(() => tasks.createOutbox(new SqliteOutbox("x.db"), { pollMs: 10 })).toThrow(
      "at least 50",
    );
  });

  test("keeps what the broker cannot take, until it can", async () => {
    const path = join(folder, `${files++}.db`);
    const database = new DatabaseSync(path);
    const broker = new MemoryBroker({ capacity: 1 });
    await using tasks = createTasks({ broker, results: "memory:" });
    await using outbox = tasks.createOutbox(new SqliteOutbox(path));
    await outbox.install();
    for (const n of [1, 2, 3]) await outbox.in(database).send("t", [n]);
    await outbox.start();
    await expect.poll(() => outbox.backlog()).toMatchObject({ count: 2 });
    await broker.contents.purge("celery");
    await expect.poll(() => outbox.backlog()).toMatchObject({ count: 1 });
    database.close();
  });

  test("holds nobody up with a call that can never be sent", async () => {
    await using made = await make();
    const { database, outbox, broker } = made;
    await outbox.in(database).send("t", [], { exchange: "nowhere", routingKey: "x" });
    database.exec("INSERT INTO tidings_outbox (id, call, written_at) VALUES ('x', 'no JSON', 5)");
    await outbox.in(database).send("t", []);
    await outbox.start();
    await expect.poll(() => broker.contents.count("celery")).toMatchObject({ waiting: 1 });
    await expect.poll(() => outbox.backlog()).toEqual({ count: 2, oldestAt: 5 });
  });

  test("takes over what was claimed by a relay that died", async () => {
    await using made = await make();
    const { database, outbox, broker } = made;
    await outbox.in(database).send("t", []);
    // As if ten seconds ago.
    database.prepare("UPDATE tidings_outbox SET claimed_until = ?").run(Date.now() - 1);
    await outbox.in(database).send("t", []);
    database
      .prepare("UPDATE tidings_outbox SET claimed_until = ? WHERE claimed_until = 0")
      .run(Date.now() + 60_000);
    await outbox.start();
    await expect.poll(() => outbox.backlog()).toMatchObject({ count: 1 });
    expect(await broker.contents.count("celery")).toMatchObject({ waiting: 1 });
  });

  test("does not run again what has ended, when it is sent twice", async () => {
    await using made = await make();
    const { database, outbox, tasks } = made;
    let runs = 0;
    const task = tasks.task("t", () => ++runs);
    await using worker = tasks.createWorker();
    await worker.start();
    await outbox.start();
    const call = { taskId: "one" };
    expect(await (await outbox.in(database).send(task, [], call)).get({ timeoutMs: 20_000 })).toBe(
      1,
    );
    await outbox.in(database).send(task, [], call);
    await expect.poll(() => outbox.backlog()).toMatchObject({ count: 0 });
    const counts = { waiting: 0, taken: 0 };
    await expect.poll(() => made.broker.contents.count("celery")).toMatchObject(counts);
    expect(runs).toBe(1);
  });

  test("waits for a database that is locked, and loses nothing", async () => {
    await using made = await make("delete");
    const { database, outbox, broker } = made;
    await outbox.in(database).send("t", []);
    database.exec("BEGIN EXCLUSIVE");
    await outbox.start();
    await expect(outbox.backlog()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    database.exec("COMMIT");
    await expect.poll(() => broker.contents.count("celery")).toMatchObject({ waiting: 1 });
  });

  test("stops and starts harmlessly, whatever the order", async () => {
    await using made = await make();
    await made.outbox.start();
    await made.outbox.start();
    await Promise.all([made.outbox.stop(), made.outbox.stop()]);
    expect(made.outbox.state).toBe("stopped");
    const idle = made.tasks.createOutbox(new SqliteOutbox("never-made.db"));
    await idle.stop();
    expect(idle.state).toBe("idle");
  });
});
