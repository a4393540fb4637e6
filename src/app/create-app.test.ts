import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { HistoryEntry } from "../history/index.ts";
import { openLayer } from "../layers/index.ts";
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
    history: "memory:",
    presence: "memory:",
    broker: "amqp://one/shop;amqp://two/shop",
    results: "rpc://",
    cache: "memory:",
  });
});

test("what an application says nothing of is on the Redis of its layer", async () => {
  const layer = { url: ["redis://user:secret@one:7000", "redis://two"] };
  await using app = createApp({ name: "test", broker: "memory:", layer });
  expect(app.drivers).toMatchObject({
    layer: "redis://one:7000 redis://two",
    history: "redis://one:7000",
    presence: "redis://one:7000",
  });
  await using own = createApp({ name: "test", broker: "memory:", layer: app.layer });
  expect(own.drivers).toMatchObject({
    layer: "one of its own",
    history: "none",
    presence: "memory:",
  });
});

test("an unknown driver is refused with those that are known", () => {
  expect(() => createApp({ name: "test", broker: "memory:", layer: "pigeon:" })).toThrow(
    expect.objectContaining({ code: "APP_INVALID_URL" }),
  );
});

test("a message that is kept reaches the layer's members as it is, and the group's history", async () => {
  await using app = createApp({ name: "test", broker: "memory:" });
  const channel = await app.layer.newChannel();
  await app.layer.groupAdd("room", channel);
  const groups = app.getRecordedGroups();
  const entries: HistoryEntry[] = [];
  const onEntry = (entry: HistoryEntry): void => void entries.push(entry);
  await groups.follow("room", { onStart() {}, onEntry, onReset() {} });
  const message = { type: "chat.message", text: "kept" };
  await app.groupSend("room", message, { history: { size: 10 } });
  await app.groupSend("room", { type: "chat.message", text: "not kept" });
  expect(await app.layer.receive(channel)).toEqual(message);
  expect(await app.layer.receive(channel)).toMatchObject({ text: "not kept" });
  expect(entries).toMatchObject([{ message, position: { offset: 1 } }]);
});

test("what a history or presence cannot be is an error where it is said", async () => {
  const common = { name: "test", broker: "memory:" };
  for (const url of ["memory:?a=b", "memory:here"]) {
    for (const option of [{ history: url }, { presence: url }]) {
      expect(() => createApp({ ...common, ...option })).toThrow(
        expect.objectContaining({ code: "APP_INVALID_URL" }),
      );
    }
  }
  for (const graceMs of [-1, NaN, Infinity]) {
    const presence = { url: "memory:", graceMs };
    expect(() => createApp({ ...common, presence })).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID" }),
    );
  }
  await using app = createApp(common);
  const send = app.groupSend("room", { type: "x" }, { history: JSON.parse("null") });
  await expect(send).rejects.toMatchObject({ code: "OPTION_INVALID" });
  expect(() => createApp({ ...common, history: JSON.parse("null") })).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID" }),
  );
});

test("histories are where all processes of the layer reach them, or an error", async () => {
  const common = { name: "test", broker: "memory:" };
  const code = "APP_INVALID_DEFINITION";
  expect(() => createApp({ ...common, layer: "redis://one", history: "memory:" })).toThrow(
    expect.objectContaining({ code }),
  );
  expect(() => createApp({ ...common, history: "pigeon:" })).toThrow(
    expect.objectContaining({ code: "APP_INVALID_URL" }),
  );
  const layer = openLayer("redis://127.0.0.1:1");
  await using app = createApp({ ...common, layer });
  expect(() => app.getRecordedGroups()).toThrow(expect.objectContaining({ code }));
  expect(() => app.getRecordedGroups("other")).toThrow(expect.objectContaining({ code }));
});
