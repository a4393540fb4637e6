import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { describe, expect, test } from "vitest";

import { isTidingsError } from "../../core/errors.ts";
import { djangoDatabase, type DjangoDatabase, type DjangoTables } from "./database.ts";
import type { DjangoDialect, DjangoRow } from "./query.ts";
import { saltedHmac } from "./signing.ts";

const keys = { secrets: ["a key"], allowSha1: false };

describe("djangoDatabase", () => {
  test.each<[DjangoDialect, string]>([
    ["postgresql", 'SELECT * FROM "shop"."people" WHERE "uid" = $1'],
    ["mysql", "SELECT * FROM `shop`.`people` WHERE `uid` = ?"],
    ["sqlite", 'SELECT * FROM "shop"."people" WHERE "uid" = ?'],
  ])("writes the SQL of %s", async (dialect, expected) => {
    const asked: unknown[] = [];
    const database = djangoDatabase({
      dialect,
      query: (sql, params) => {
        asked.push([sql, params]);
        return [];
      },
      userTable: "shop.people",
      userColumns: { id: "uid" },
    });
    expect(await database.findUser("7")).toBeNull();
    expect(asked).toEqual([[expected, ["7"]]]);
  });

  test("finds an active user, and keeps the password out of the row", async () => {
    await using users = withUsers({ id: 7, username: "ada", password: "md5$x", is_active: 1 });
    expect(await users.database.findUser("7")).toEqual({
      row: { id: 7, username: "ada", is_active: 1 },
      password: "md5$x",
    });
    expect(await users.database.findUser("8")).toBeNull();
  });

  test.each([0, null, "t", 2])("finds nobody whose is_active is %j", async (isActive) => {
    await using users = withUsers({ id: 7, password: "md5$x", is_active: isActive });
    expect(await users.database.findUser("7")).toBeNull();
  });

  test("takes everybody as active where the model does not say", async () => {
    const names = { userColumns: { id: "email", password: "secret", isActive: null } };
    await using users = withUsers({ email: "ada@example.com", secret: "md5$x" }, names);
    expect(await users.database.findUser("ada@example.com")).toEqual({
      row: { email: "ada@example.com" },
      password: "md5$x",
    });
  });

  test("finds a UUID that is stored without hyphens", async () => {
    const id = "0b2f7c1e-5a4d-4c3b-9e8f-102030405060";
    const stored = { id: id.replaceAll("-", ""), password: "md5$x", is_active: 1 };
    await using users = withUsers(stored);
    expect(await users.database.findUser(id)).toMatchObject({ password: "md5$x" });
  });

  test("finds nobody when the database compares more loosely than Python", async () => {
    const database = fromRow({ id: 7, password: "md5$x", is_active: 1 });
    expect(await database.findUser("7x")).toBeNull();
    expect(await database.findUser("7")).not.toBeNull();
  });

  test("finds a session until it expires, and only as the site has signed it", async () => {
    const value = `${Buffer.from("{}").toString("base64url")}:1x8elk`;
    const salt = "django.contrib.sessions.SessionStoresigner";
    const hmac = saltedHmac(salt, value, { secret: "a key", algorithm: "sha256" });
    const session_data = `${value}:${hmac.toString("base64url")}`;
    const load = async (expire_date: Date, data = session_data): Promise<unknown> =>
      await fromRow({ session_data: data, expire_date }).load("abcdefgh", keys);
    const later = new Date(Date.now() + 60_000);
    expect(await load(later)).toEqual({ data: Buffer.from("{}"), expiresAt: later.getTime() });
    expect(await load(later, `${session_data}x`)).toBeNull();
    expect(await load(new Date(Date.now() - 1))).toBeNull();
  });

  test("does not look for what Django would not make up as a session's key", async () => {
    const database = djangoDatabase({
      dialect: "sqlite",
      query: () => {
        throw new Error("asked");
      },
    });
    const cookies = ["", "short", "x".repeat(41), "UPPERCASE", "with space", "' OR 1=1 --"];
    const found = await Promise.all(cookies.map((cookie) => database.load(cookie, keys)));
    expect(found).toEqual(cookies.map(() => null));
    await expect(database.load("abcdefgh", keys)).rejects.toThrow("asked");
  });

  test("says that the database cannot be asked, without the session's key", async () => {
    const database = djangoDatabase({
      dialect: "mysql",
      query: async (sql, params) => {
        throw new Error(`cannot run ${sql} with ${params.join()}`);
      },
    });
    const error: unknown = await database.load("secretsecret", keys).catch((thrown) => thrown);
    expect(isTidingsError(error, "STORAGE_UNAVAILABLE")).toBe(true);
    expect(String(error)).toContain("cannot run SELECT * FROM `django_session`");
    expect(String(error)).not.toContain("secretsecret");
    expect(error).not.toHaveProperty("cause");
  });

  test("says which column is missing", async () => {
    const database = fromRow({ id: 7, is_active: true });
    await expect(database.findUser("7")).rejects.toThrow('got `"password"`');
  });

  test("says that a driver's dates are not understood", async () => {
    const database = fromRow({ session_data: "", expire_date: 5 });
    await expect(database.load("abcdefgh", keys)).rejects.toThrow("expected `expire_date`");
  });

  test("opens a file at its first use, and again after a failure", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tidings-django-"));
    try {
      const path = join(folder, "site.sqlite3");
      using database = djangoDatabase({ sqlite: path });
      await expect(database.findUser("7")).rejects.toThrow("unable to open");
      createUsers(new DatabaseSync(path), { id: 7, password: "md5$x", is_active: 1 }).close();
      expect(await database.findUser("7")).not.toBeNull();
      database.close();
      expect(await database.findUser("7")).not.toBeNull();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each<DjangoTables>([
    { userTable: 'x" OR 1=1' },
    { sessionTable: "" },
    { userColumns: { id: "a b" } },
    { userColumns: { password: "x'" } },
    { userColumns: { isActive: "1" } },
    { timeZone: "Atlantis/Capital" },
  ])("refuses %j", (tables) => {
    expect(() => djangoDatabase({ sqlite: "site.sqlite3", ...tables })).toThrow("expected `");
  });
});

function fromRow(row: DjangoRow): DjangoDatabase {
  return djangoDatabase({ dialect: "postgresql", query: async () => [row] });
}

/** A database in memory with one user. */
function withUsers(
  row: Readonly<Record<string, string | number | null>>,
  tables: DjangoTables = {},
): AsyncDisposable & { readonly database: DjangoDatabase } {
  const memory = createUsers(new DatabaseSync(":memory:"), row);
  const database = djangoDatabase({
    ...tables,
    dialect: "sqlite",
    query: async (sql, params) => memory.prepare(sql).all(...params),
  });
  return { database, [Symbol.asyncDispose]: async () => memory.close() };
}

function createUsers(
  database: DatabaseSync,
  row: Readonly<Record<string, string | number | null>>,
): DatabaseSync {
  const columns = Object.entries(row).map(
    ([name, value]) => `${name} ${typeof value === "number" ? "INTEGER" : "TEXT"}`,
  );
  database.exec(`CREATE TABLE auth_user (${columns.join()})`);
  database
    .prepare(`INSERT INTO auth_user VALUES (${columns.map(() => "?").join()})`)
    .run(...Object.values(row));
  return database;
}
