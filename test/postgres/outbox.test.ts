import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { Client, Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import {
  createTasks,
  openBroker,
  PostgresOutbox,
  SqliteOutbox,
  type Broker,
  type Outbox,
  type PostgresClient,
  type PostgresOutboxOptions,
  type Tasks,
} from "../../src/tasks/index.ts";
import { PostgresServer } from "./postgres-server.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-outbox-"));
let files = 0;
let server: PostgresServer;
let pool: Pool;

beforeAll(async () => {
  server = await PostgresServer.start();
  pool = openPool();
});

afterAll(async () => {
  await pool.end();
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

beforeEach(async () => {
  await pool.query("DROP TABLE IF EXISTS tidings_outbox, orders; CREATE TABLE orders (n int)");
});

function openPool(): Pool {
  const opened = new Pool({ connectionString: server.url, max: 4 });
  // A server that dies tells idle connections so.
  opened.on("error", () => undefined);
  return opened;
}

interface Made extends AsyncDisposable {
  readonly broker: Broker;
  readonly url: string;
  readonly tasks: Tasks;
  readonly outbox: Outbox<PostgresClient>;
}

async function make(options?: PostgresOutboxOptions): Promise<Made> {
  const url = `sqlite:${folder}/${files++}.db`;
  const broker = openBroker(url);
  const tasks = createTasks({ broker, results: "memory:" });
  const outbox = tasks.createOutbox(new PostgresOutbox(pool, options));
  await outbox.install();
  return {
    broker,
    url,
    tasks,
    outbox,
    async [Symbol.asyncDispose]() {
      await outbox.stop();
      await tasks.close();
      await broker.close();
    },
  };
}

/** An order and its task, in one transaction. */
async function order(outbox: Outbox<PostgresClient>, n: number, end: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("INSERT INTO orders VALUES ($1)", [n]);
    await outbox.in(client).send("orders.confirm", [n], { taskId: `order-${n}` });
    await client.query(end);
  } finally {
    client.release();
  }
}

/** The ids of all messages of the broker; what is taken is not given back. */
async function takeAll(broker: Broker): Promise<readonly string[]> {
  const ids: string[] = [];
  for (;;) {
    const found = await broker.take({ queues: ["celery"], limit: 500, leaseMs: 60_000 });
    if (found.length === 0) return ids;
    ids.push(...found.map(({ id }) => id));
  }
}

/** Runs a relay until it is killed in the middle. */
async function relayUntilKilled(place: string, url: string): Promise<void> {
  const main = join(import.meta.dirname, "relay-main.ts");
  const args = ["--conditions=tidings-source", main, place, url];
  const relay = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  expect(await once(relay, "exit")).toEqual([null, "SIGKILL"]);
}

describe("an outbox in PostgreSQL", () => {
  test("sends exactly what was committed, in its order", async () => {
    await using made = await make();
    await made.outbox.start();
    for (let n = 0; n < 30; n++) await order(made.outbox, n, n % 3 === 2 ? "ROLLBACK" : "COMMIT");
    await expect.poll(() => made.outbox.backlog()).toEqual({ count: 0, oldestAt: null });
    const { rows } = await pool.query("SELECT n FROM orders ORDER BY n");
    expect(await takeAll(made.broker)).toEqual(rows.map(({ n }) => `order-${n}`));
    expect(rows).toHaveLength(20);
  });

  test("sends nothing of a transaction that is open", async () => {
    await using made = await make();
    await made.outbox.start();
    const client = await pool.connect();
    using end = new DisposableStack();
    // Whatever it holds still is given back with its connection.
    end.defer(() => client.release(true));
    await client.query("BEGIN");
    await made.outbox.in(client).send("t", [], { taskId: "open" });
    await order(made.outbox, 1, "COMMIT");
    await expect.poll(() => made.outbox.backlog()).toMatchObject({ count: 0 });
    expect(await takeAll(made.broker)).toEqual(["order-1"]);
    await client.query("COMMIT");
    await expect.poll(() => takeAll(made.broker)).toEqual(["open"]);
  });

  test("sends at once what is committed when it listens, and polls when it cannot", async () => {
    const listener = new Client({ connectionString: server.url });
    listener.on("error", () => undefined);
    await listener.connect();
    const url = `sqlite:${folder}/${files++}.db`;
    await using tasks = createTasks({ broker: url, results: "memory:" });
    await using broker = openBroker(url);
    const store = new PostgresOutbox(pool, { listener });
    {
      // It would not look by itself before the test has long failed.
      await using outbox = tasks.createOutbox(store, { pollMs: 600_000 });
      await outbox.install();
      await outbox.start();
      for (let n = 0; n < 5; n++) {
        await order(outbox, n, "COMMIT");
        await expect.poll(() => takeAll(broker), { interval: 5 }).toEqual([`order-${n}`]);
      }
    }
    await using outbox = tasks.createOutbox(store);
    await outbox.start();
    await order(outbox, 8, "COMMIT");
    await expect.poll(() => takeAll(broker)).toEqual(["order-8"]);
    await listener.end();
    await order(outbox, 9, "COMMIT");
    await expect.poll(() => takeAll(broker)).toEqual(["order-9"]);
  });

  test("is relayed by two, each call once, when nobody dies", async () => {
    await using made = await make();
    const other = made.tasks.createOutbox(new PostgresOutbox(pool));
    const values = Array.from({ length: 1_000 }, (_, n) => n);
    const client = await pool.connect();
    await client.query("BEGIN");
    for (const n of values) await made.outbox.in(client).send("t", [n], { taskId: `t-${n}` });
    await client.query("COMMIT");
    client.release();
    await Promise.all([made.outbox.start(), other.start()]);
    await expect.poll(() => made.outbox.backlog()).toMatchObject({ count: 0 });
    await other.stop();
    const ids = await takeAll(made.broker);
    expect(ids.toSorted()).toEqual(values.map((n) => `t-${n}`).toSorted());
  });

  test("loses nothing when a relay is killed in the middle", async () => {
    await using made = await make();
    await pool.query(
      `INSERT INTO tidings_outbox (id, call)
       SELECT 't-' || n, replace($1, 'ID', 't-' || n) FROM generate_series(1, 3000) AS n`,
      [await writtenCall(made.outbox)],
    );
    await relayUntilKilled(server.url, made.url);
    const left = await made.outbox.backlog();
    expect(left.count).toBeGreaterThan(0);
    expect(left.count).toBeLessThan(3_000);
    // As if the claim of the dead one had run out.
    await pool.query("UPDATE tidings_outbox SET claimed_until = clock_timestamp()");
    await made.outbox.start();
    await expect.poll(() => made.outbox.backlog()).toMatchObject({ count: 0 });
    const ids = await takeAll(made.broker);
    expect(ids).toHaveLength(3_000);
    expect(new Set(ids).size).toBe(3_000);
  });

  test("waits for a database that is away, and for a broker", async () => {
    await using made = await make();
    await order(made.outbox, 1, "COMMIT");
    await server.kill();
    try {
      await made.outbox.start();
      await expect(made.outbox.backlog()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    } finally {
      await server.start();
    }
    await expect.poll(() => takeAll(made.broker)).toEqual(["order-1"]);
  });
});

describe("an outbox in SQLite", () => {
  test("loses nothing when a process is killed between commit and relay, or in the middle", async () => {
    const [place, url] = [join(folder, `${files++}.db`), `sqlite:${folder}/${files++}.db`];
    await using broker = openBroker(url);
    await using tasks = createTasks({ broker, results: "memory:" });
    const database = new DatabaseSync(place);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    const outbox = tasks.createOutbox(new SqliteOutbox(place));
    await outbox.install();
    database.exec("BEGIN");
    for (let n = 0; n < 3_000; n++) {
      void outbox.in(database).send("t", [n], { taskId: `t-${n}` });
    }
    database.exec("COMMIT");
    await relayUntilKilled(place, url);
    const left = await outbox.backlog();
    expect(left.count).toBeGreaterThan(0);
    expect(left.count).toBeLessThan(3_000);
    // As if the claim of the dead one had run out.
    database.exec("UPDATE tidings_outbox SET claimed_until = 0");
    database.close();
    await outbox.start();
    await expect.poll(() => outbox.backlog()).toMatchObject({ count: 0 });
    await outbox.stop();
    const ids = await takeAll(broker);
    expect([ids.length, new Set(ids).size]).toEqual([3_000, 3_000]);
  });
});

/** What is written down of a call whose id is `ID`. */
async function writtenCall(outbox: Outbox<PostgresClient>): Promise<string> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await outbox.in(client).send("t", [], { taskId: "ID" });
    const { rows } = await client.query("SELECT call FROM tidings_outbox WHERE id = 'ID'");
    await client.query("ROLLBACK");
    return String(rows[0]?.call);
  } finally {
    client.release();
  }
}
