import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { historyCases, VirtualClock } from "../testing/index.ts";
import { SqliteHistory } from "./sqlite.ts";

for (const { name, run } of historyCases) {
  test(`the SQLite history ${name}`, async () => {
    const path = newPath();
    await expect(run(() => new SqliteHistory(path))).resolves.toBeUndefined();
  });
}

test("a SQLite history outlives those who use it, and ends when nobody has asked for two days", async () => {
  const path = newPath();
  const clock = new VirtualClock();
  const open = (): SqliteHistory => new SqliteHistory(path, { now: clock.now });
  const first = open();
  const position = await first.append("room", { type: "a" }, { ageMs: 86_400_000 });
  await first.append("room", { type: "b" }, { ageMs: 86_400_000 });
  await first.close();
  await using second = open();
  const recovered = await second.since("room", position);
  expect(recovered).toMatchObject({ kind: "recovered", entries: [{ message: { type: "b" } }] });
  clock.advance(2 * 86_400_000 - 1);
  expect(await second.position("room")).toEqual({ ...position, offset: 2 });
  clock.advance(2 * 86_400_000);
  expect(await second.since("room", position)).toMatchObject({ reason: "epoch-changed" });
});

test("groups of two layers in one file are apart", async () => {
  const path = newPath();
  await using one = new SqliteHistory(path, { prefix: "one:" });
  await using two = new SqliteHistory(path, { prefix: "two:" });
  const position = await one.append("room", { type: "a" });
  expect((await two.position("room")).epoch).not.toBe(position.epoch);
});

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "tidings-history-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "history.db");
}
