import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
  const now = Date.now;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => now() + 3_600_000);
  onTestFinished(() => clock.mockRestore());
  // The lease of each was over, and is renewed; then others are looked for again.
  await vi.waitFor(() => {
    for (const { mock } of renewals) expect(mock.calls.length).toBeGreaterThan(3);
  }, 5_000);
  expect((await here.read("room")).count).toBe(2);
  expect(left).toEqual([]);
  await there.leave(session("bob"));
  await vi.waitFor(() => expect(left).toEqual(["bob"]), 5_000);
});
