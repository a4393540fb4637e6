import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as endOfTurn } from "node:timers/promises";

import { afterAll, expect, onTestFinished, test, vi } from "vitest";

import { MemoryLayer } from "../layers/index.ts";
import { presenceCases } from "../testing/index.ts";
import { Presence } from "./presence.ts";
import { SqlitePresence } from "./sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-presence-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true }));

for (const { name, run } of presenceCases) {
  test(`the presence in SQLite ${name}`, async () => {
    const path = join(folder, `${files++}.db`);
    const place = { open: () => new SqlitePresence(path), isShared: true };
    await expect(run(place)).resolves.toBeUndefined();
  });
}

test("nobody leaves because the clock was set forth", async () => {
  // However late this process comes to it, timers fire in their order.
  vi.useFakeTimers({ toFake: ["Date", "performance", "setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const path = join(folder, `${files++}.db`);
  const layer = new MemoryLayer();
  const open = () => new SqlitePresence(path, { now: () => Date.now() });
  const options = { layer, leaseMs: 300, sweepMs: 10, graceMs: 0 };
  const stores = [open(), open()] as const;
  const [here, there] = stores.map((store) => new Presence({ ...options, store }));
  if (!here || !there) throw new Error("expected two");
  onTestFinished(async () => void (await Promise.all([here.close(), there.close()])));
  const left: string[] = [];
  here.onChange(({ kind, member }) => kind === "left" && left.push(member.key));
  there.onChange(({ kind, member }) => kind === "left" && left.push(member.key));
  const session = (key: string) => ({ group: "room", key, session: key });
  await here.enter(session("ada"));
  await there.enter(session("bob"));
  const renewals = stores.map((store) => vi.spyOn(store, "renew"));
  vi.setSystemTime(Date.now() + 3_600_000);
  // The lease of each was over, and is renewed; then others are looked for again.
  await pass(500);
  for (const { mock } of renewals) expect(mock.calls.length).toBeGreaterThan(3);
  expect((await here.read("room")).count).toBe(2);
  expect(left).toEqual([]);
  await there.leave(session("bob"));
  await pass(50);
  expect(left).toEqual(["bob"]);
});

/** Lets time pass, and what it brings be written. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    vi.advanceTimersByTime(10);
    for (let turn = 0; turn < 5; turn++) await endOfTurn();
  }
}
