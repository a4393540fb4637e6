import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, expect, test } from "vitest";

import { sessionStoreCases } from "../../testing/index.ts";
import { openSessionStore } from "./open-session-store.ts";
import { SqliteSessionStore } from "./sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-sessions-"));
let files = 0;
const newFile = (): string => join(folder, "made", String(files++), "sessions.db");

afterAll(() => rmSync(folder, { recursive: true }));

for (const { name, run } of sessionStoreCases) {
  test(`the SQLite store ${name}`, async () => {
    await expect(run(() => new SqliteSessionStore(newFile()))).resolves.toBeUndefined();
  });
}

test("a session outlives its store", async () => {
  const file = newFile();
  const session = { value: "v", expiresAt: Date.now() + 60_000 };
  await using first = openSessionStore(`sqlite:${file}`);
  await first.set("key", session);
  await first.close();
  await expect(first.get("key")).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  await using second = openSessionStore(`sqlite://${file}`);
  expect(await second.get("key")).toEqual(session);
});

test("sessions that have ended are removed from the file", async () => {
  const file = newFile();
  let now = 1_000_000;
  await using store = new SqliteSessionStore(file, { now: () => now });
  for (const key of ["a", "b"]) await store.set(key, { value: "v", expiresAt: now + 10 });
  now += 60_000;
  await store.set("c", { value: "v", expiresAt: now + 10 });
  using database = new DatabaseSync(file);
  const keys = database.prepare("SELECT key FROM tidings_sessions").all();
  expect(keys.map((row) => row["key"])).toEqual(["c"]);
});

test("a call waits for the lock of another process, without blocking this one", async () => {
  const file = newFile();
  await using store = new SqliteSessionStore(file);
  using other = new DatabaseSync(file);
  other.exec("BEGIN IMMEDIATE");
  let isDone = false;
  const setting = store
    .set("key", { value: "v", expiresAt: Date.now() + 60_000 })
    .then(() => (isDone = true));
  expect(await store.get("key")).toBeNull();
  expect(isDone).toBe(false);
  other.exec("COMMIT");
  await setting;
  expect((await store.get("key"))?.value).toBe("v");
});

test("what is no database, and what names no store, is refused with what to do", () => {
  const file = join(folder, "text");
  writeFileSync(file, "no database at all, but long enough to have a header".repeat(10));
  expect(() => openSessionStore(`sqlite:${file}`)).toThrow(
    "is no SQLite database; choose another file",
  );
  expect(() => openSessionStore("sqlite:/proc/tidings/sessions.db")).toThrow(
    "check that its folder may be written",
  );
  expect(() => openSessionStore("sqlite::memory:")).toThrow("use memory:");
  expect(() => openSessionStore("mysql://ada:hidden@db")).toThrow("got `mysql:`");
  expect(() => openSessionStore("mysql://ada:hidden@db")).not.toThrow("hidden");
});
