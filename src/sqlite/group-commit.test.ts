import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, describe, expect, test } from "vitest";

import { GroupCommit } from "./group-commit.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-group-commit-"));
let files = 0;
const newFile = (): string => join(folder, `${files++}.db`);

afterAll(() => rm(folder, { recursive: true }));

describe("a group commit", () => {
  test("gives up after a while when the database stays locked, and recovers", async () => {
    const path = newFile();
    const connection = new DatabaseSync(path, { timeout: 1 });
    const commits = new GroupCommit(() => connection, path, {
      lockPatienceMs: 50,
      onCommit: () => {},
      onRollback: () => {},
    });
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    await expect(commits.run(() => 1)).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("is locked by another process"),
    });
    other.exec("ROLLBACK");
    other.close();
    expect(await commits.run(() => 2)).toBe(2);
    connection.close();
  });

  test("fails its units when they cannot be undone, and recovers", async () => {
    let failures = 2;
    class StubbornDatabase extends DatabaseSync {
      override exec(sql: string): void {
        if (sql === "ROLLBACK" && failures-- > 0) throw new Error("no rollback");
        super.exec(sql);
      }
    }
    const path = newFile();
    using connection = new StubbornDatabase(path);
    connection.exec("CREATE TABLE kept (a)");
    const insert = connection.prepare("INSERT INTO kept VALUES (?)");
    const commits = new GroupCommit(() => connection, path, { onCommit() {}, onRollback() {} });
    const fail = (): never => {
      throw new Error("no");
    };
    const outcomes = await Promise.allSettled([
      commits.run(() => insert.run("undone")),
      commits.run(fail),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(outcomes[1]).toMatchObject({ reason: { message: "no rollback" } });
    await expect(commits.run(() => insert.run("refused"))).rejects.toThrow("no rollback");
    await commits.run(() => insert.run("kept"));
    expect(connection.prepare("SELECT a FROM kept").all()).toEqual([{ a: "kept" }]);
  });

  test("commits a thousand units without waiting for the end of the tick", async () => {
    const path = newFile();
    using connection = new DatabaseSync(path);
    connection.exec("CREATE TABLE kept (a)");
    const insert = connection.prepare("INSERT INTO kept VALUES (?)");
    const commits = new GroupCommit(() => connection, path, { onCommit() {}, onRollback() {} });
    const all = Array.from({ length: 2_500 }, (_, index) => commits.run(() => insert.run(index)));
    const count = connection.prepare("SELECT count(*) AS count FROM kept");
    expect(count.get()).toEqual({ count: 2_000 });
    await Promise.all(all);
    expect(count.get()).toEqual({ count: 2_500 });
  });
});
