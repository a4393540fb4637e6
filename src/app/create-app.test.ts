import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { createApp } from "./create-app.ts";

test("closing an application closes its SQLite file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidings-app-"));
  const app = createApp({ name: "test", broker: `sqlite:${join(folder, "tasks.db")}` });
  await app.sendTask("elsewhere", [1]);
  expect(readdirSync(folder)).toContain("tasks.db-wal");
  await app.close();
  // The last connection that closes folds the log into the file and removes it.
  expect(readdirSync(folder)).toEqual(["tasks.db"]);
  rmSync(folder, { recursive: true });
});

test("an application names its drivers without their credentials", async () => {
  const broker = "amqp://user:secret@one/shop;amqp://user:secret@two/shop";
  await using app = createApp({ name: "test", broker });
  expect(app.drivers).toEqual({
    layer: "memory:",
    broker: "amqp://one/shop;amqp://two/shop",
    results: "rpc://",
    cache: "memory:",
  });
});

test("an unknown driver is refused with those that are known", () => {
  expect(() => createApp({ name: "test", broker: "memory:", layer: "pigeon:" })).toThrow(
    expect.objectContaining({ code: "APP_INVALID_URL" }),
  );
});
