import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, afterEach, describe, expect, test, vi } from "vitest";

import { openTaskDatabase, type TaskDatabase } from "./task-database.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-database-"));
let files = 0;
const newFile = (): string => join(folder, `${files++}.db`);

afterEach(() => void vi.useRealTimers());
afterAll(() => rm(folder, { recursive: true }));

function open(path = newFile()): TaskDatabase & Disposable {
  const database = openTaskDatabase(path);
  return Object.assign(database, { [Symbol.dispose]: () => database.close() });
}

function overwrite(path: string, bytes: Uint8Array): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, 0);
  closeSync(file);
}

/** A statement that adds a record with an id. */
function prepareInsert(database: TaskDatabase): (id: string) => void {
  const insert = database.prepare(
    "INSERT INTO tidings_records (id, runs, revision, record) VALUES (?, 1, 1, '{}')",
  );
  return (id) => void insert.run(id);
}

describe("a task database", () => {
  test("commits what one tick asks for in one transaction", async () => {
    using database = open();
    const insert = prepareInsert(database);
    const commits: unknown[] = [];
    database.onChange("records", (changed) => commits.push(changed));
    const add = (id: string): Promise<void> =>
      database.run(() => {
        insert(id);
        database.touch("records", id);
      });
    await Promise.all(["a", "b", "c"].map(add));
    await add("d");
    expect(commits).toEqual([["a", "b", "c"], ["d"]]);
  });

  test("fails what fails, and keeps its neighbours", async () => {
    using database = open();
    const insert = prepareInsert(database);
    const outcomes = await Promise.allSettled([
      database.run(() => insert("a")),
      database.run(() => {
        insert("undone");
        throw new Error("no");
      }),
      database.run(() => insert("a")),
      database.run(() => insert("b")),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    expect(outcomes[1]).toMatchObject({ reason: { message: "no" } });
    const rows = database.read(() =>
      database.prepare("SELECT id FROM tidings_records ORDER BY id").all(),
    );
    expect(rows.map((row) => row["id"])).toEqual(["a", "b"]);
  });

  test("tells nobody of what was undone", async () => {
    using database = open();
    const heard: unknown[] = [];
    database.onChange("messages", (changed) => heard.push(changed));
    const failing = database.run(() => {
      database.touch("messages", "undone");
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    await database.run(() => database.touch("messages", "kept"));
    expect(heard).toEqual([["kept"]]);
  });

  test("is durable: a log that is written ahead, and a disk that is waited for", () => {
    using database = open();
    const ask = (name: string): unknown =>
      Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    expect([ask("journal_mode"), ask("synchronous")]).toEqual(["wal", 2]);
  });

  test("is one connection for all who open the same file", async () => {
    const path = newFile();
    const first = openTaskDatabase(path);
    const second = openTaskDatabase(join(folder, ".", path.slice(folder.length)));
    expect(second).toBe(first);
    first.close();
    expect(second.read(() => second.prepare("SELECT 1 AS one").get())).toEqual({ one: 1 });
    second.close();
    expect(() => second.read(() => 1)).toThrow("has been closed");
    await expect(second.run(() => 1)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(() => second.onChange("records", () => {})).toThrow("has been closed");
  });

  test("commits what was asked for before it is closed", async () => {
    const path = newFile();
    const database = openTaskDatabase(path);
    const insert = prepareInsert(database);
    const asked = database.run(() => insert("last"));
    database.close();
    await asked;
    using again = open(path);
    expect(again.read(() => again.prepare("SELECT id FROM tidings_records").get())).toEqual({
      id: "last",
    });
  });

  test("waits while another process holds the lock", async () => {
    const path = newFile();
    using database = open(path);
    const insert = prepareInsert(database);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const waiting = database.run(() => insert("a"));
    setTimeout(() => other.exec("COMMIT"), 100);
    await waiting;
    expect(other.prepare("SELECT id FROM tidings_records").get()).toEqual({ id: "a" });
    other.close();
  });

  test("commits at most a thousand of the units that waited for a lock at once", async () => {
    const path = newFile();
    using database = open(path);
    const insert = prepareInsert(database);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const commits: number[] = [];
    database.onChange("records", (changed) => commits.push(changed?.length ?? 0));
    const all = Array.from({ length: 2_500 }, (_, index) =>
      database.run(() => {
        insert(`id-${index}`);
        database.touch("records", `id-${index}`);
      }),
    );
    other.exec("ROLLBACK");
    other.close();
    await Promise.all(all);
    expect(commits).toEqual([1_000, 1_000, 500]);
  });

  test("fails what a lock keeps from being committed before it is closed", async () => {
    const path = newFile();
    const database = openTaskDatabase(path);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const waiting = database.run(() => 1);
    database.close();
    await expect(waiting).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    other.close();
  });

  test("survives a file that cannot be read, tells its listeners once, and again when it can", () => {
    const path = newFile();
    using database = open(path);
    const count = database.prepare("SELECT count(*) AS count FROM tidings_records");
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const heard: unknown[] = [];
    database.onChange("records", (changed) => heard.push(changed));
    const commitElsewhere = (sql: string): void => {
      using other = new DatabaseSync(path);
      other.exec(`${sql}; PRAGMA wal_checkpoint(TRUNCATE);`);
    };
    commitElsewhere("CREATE TABLE other (a)");
    const header = readFileSync(path).subarray(0, 100);
    overwrite(path, Buffer.alloc(100, 7));
    vi.advanceTimersByTime(200);
    expect(heard).toEqual([null]);
    expect(() => database.read(() => count.get())).toThrow("is no SQLite database");
    overwrite(path, header);
    // SQLite itself keeps the broken page until somebody commits.
    commitElsewhere("INSERT INTO other VALUES (1)");
    vi.advanceTimersByTime(200);
    expect(heard).toEqual([null, null]);
    expect(database.read(() => count.get())).toEqual({ count: 0 });
  });

  test.each([
    ["removed", (path: string) => rmSync(path)],
    [
      "replaced",
      (path: string) => {
        openTaskDatabase(`${path}.other`).close();
        renameSync(`${path}.other`, path);
      },
    ],
  ])("tells all when its file is %s, and soon opens what is there", async (_, act) => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    const path = newFile();
    using database = open(path);
    const insert = prepareInsert(database);
    const count = database.prepare("SELECT count(*) AS count FROM tidings_records");
    await database.run(() => insert("gone"));
    const heard: unknown[] = [];
    database.onChange("records", (changed) => heard.push(changed));
    for (const end of ["-wal", "-shm"]) rmSync(`${path}${end}`);
    act(path);
    vi.advanceTimersByTime(100);
    await expect.poll(() => heard).toEqual([null]);
    const error = { code: "STORAGE_UNAVAILABLE", message: expect.stringContaining("or replaced") };
    await expect(database.run(() => insert("refused"))).rejects.toMatchObject(error);
    expect(() => database.read(() => count.get())).toThrow(expect.objectContaining(error));
    vi.advanceTimersByTime(200);
    expect(heard).toEqual([null, null]);
    expect(database.read(() => count.get())).toEqual({ count: 0 });
    await database.run(() => insert("kept"));
    using other = new DatabaseSync(path);
    expect(other.prepare("SELECT id FROM tidings_records").all()).toEqual([{ id: "kept" }]);
  });

  test("says what to do when the disk is full, and goes on when it no longer is", async () => {
    using database = open();
    const insert = prepareInsert(database);
    const limit = (pages: number): unknown =>
      database.prepare(`PRAGMA max_page_count = ${pages}`).get();
    limit(1);
    const filling = database.run(() => insert("x".repeat(50_000)));
    await expect(filling).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("the disk is full; free some space"),
    });
    limit(1_000_000);
    await expect(database.run(() => insert("a"))).resolves.toBeUndefined();
  });
});

describe("opening a task database", () => {
  const refused = (path: string): unknown => {
    try {
      openTaskDatabase(path).close();
      return undefined;
    } catch (error) {
      return error;
    }
  };

  test("makes the folders that are missing", () => {
    using database = open(join(folder, "deep", "er", "tasks.db"));
    expect(database.path).toContain(join("deep", "er", "tasks.db"));
  });

  test("says what to do when the folder cannot be made", () => {
    const file = newFile();
    writeFileSync(file, "");
    expect(refused(join(file, "tasks.db"))).toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("check that its folder exists and may be written"),
    });
  });

  test("does not hang where no folder can be made", () => {
    expect(refused("/proc/nothing/tasks.db")).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("says what to do when the path is a folder, or a file of another kind", () => {
    expect(refused(folder)).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    const file = newFile();
    writeFileSync(file, "not a database, but long enough to have a header of its own".repeat(99));
    expect(refused(file)).toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("is no SQLite database; choose another file"),
    });
  });

  test("takes over the waiting messages of a file of version 1", () => {
    const file = newFile();
    const old = new DatabaseSync(file);
    old.exec(`
      CREATE TABLE tidings_schema (version INTEGER NOT NULL) STRICT;
      INSERT INTO tidings_schema VALUES (1);
      CREATE TABLE tidings_messages (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, queue TEXT NOT NULL,
        headers TEXT NOT NULL, body TEXT NOT NULL, due_at INTEGER NOT NULL, leased_until INTEGER,
        runs INTEGER NOT NULL DEFAULT 0, lost_leases INTEGER NOT NULL DEFAULT 0,
        cancelled INTEGER NOT NULL DEFAULT 0) STRICT;
      CREATE INDEX tidings_messages_due ON tidings_messages (queue, due_at)
        WHERE leased_until IS NULL;
      CREATE INDEX tidings_messages_leased ON tidings_messages (cancelled)
        WHERE leased_until IS NOT NULL;
      INSERT INTO tidings_messages (id, queue, headers, body, due_at, runs)
        VALUES ('one', 'mail', '{"task":"t"}', '[["é"],{},{}]', 5, 2);
    `);
    old.close();
    using database = open(file);
    expect(database.prepare("SELECT * FROM tidings_messages").get()).toEqual({
      seq: 1,
      id: "one",
      queue: "mail",
      headers: '{"task":"t"}',
      body: new Uint8Array(Buffer.from('[["é"],{},{}]')),
      content_type: "application/json",
      content_encoding: "utf-8",
      properties: "{}",
      priority: 0,
      due_at: 5,
      leased_until: null,
      runs: 2,
      lost_leases: 0,
      cancelled: 0,
    });
    expect(database.prepare("SELECT version FROM tidings_schema").get()).toEqual({ version: 3 });
  });

  test("takes over the waiting messages of a file of version 2", () => {
    const file = newFile();
    const old = new DatabaseSync(file);
    old.exec(`
      CREATE TABLE tidings_schema (version INTEGER NOT NULL) STRICT;
      INSERT INTO tidings_schema VALUES (2);
      CREATE TABLE tidings_messages (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, queue TEXT NOT NULL,
        headers TEXT NOT NULL, body BLOB NOT NULL,
        content_type TEXT NOT NULL DEFAULT 'application/json',
        content_encoding TEXT NOT NULL DEFAULT 'utf-8', properties TEXT NOT NULL DEFAULT '{}',
        due_at INTEGER NOT NULL, leased_until INTEGER, runs INTEGER NOT NULL DEFAULT 0,
        lost_leases INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0) STRICT;
      CREATE INDEX tidings_messages_due ON tidings_messages (queue, due_at)
        WHERE leased_until IS NULL;
      INSERT INTO tidings_messages (id, queue, headers, body, due_at)
        VALUES ('one', 'mail', '{}', x'00', 5);
    `);
    old.close();
    using database = open(file);
    expect(database.prepare("SELECT id, priority, due_at FROM tidings_messages").get()).toEqual({
      id: "one",
      priority: 0,
      due_at: 5,
    });
    expect(database.prepare("SELECT version FROM tidings_schema").get()).toEqual({ version: 3 });
    const plan = database.prepare(`EXPLAIN QUERY PLAN SELECT seq FROM tidings_messages
      WHERE leased_until IS NULL AND queue = 'mail' AND priority = 0 ORDER BY due_at`);
    expect(String(plan.get()?.["detail"])).toContain(
      "tidings_messages_due (queue=? AND priority=?)",
    );
  });

  test("refuses tables of a later version", () => {
    const file = newFile();
    openTaskDatabase(file).close();
    const other = new DatabaseSync(file);
    other.exec("UPDATE tidings_schema SET version = 99");
    other.close();
    expect(refused(file)).toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("has tables of version 99"),
    });
  });
});
