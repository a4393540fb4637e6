import { expect, test } from "vitest";

import { historyCases, VirtualClock } from "../testing/index.ts";
import { MemoryHistory } from "./memory.ts";

for (const { name, run } of historyCases) {
  test(`the memory history ${name}`, async () => {
    const history = new MemoryHistory();
    await expect(run(() => history)).resolves.toBeUndefined();
  });
}

test("epoch and offset outlive the entries by far, and end when nobody has asked for two days", async () => {
  const clock = new VirtualClock();
  await using history = new MemoryHistory({ now: clock.now });
  const position = await history.append("room", { type: "a" }, { ageMs: 86_400_000 });
  clock.advance(2 * 86_400_000 - 1);
  expect(await history.position("room")).toEqual(position);
  clock.advance(2 * 86_400_000 - 1);
  expect(await history.position("room")).toEqual(position);
  clock.advance(2 * 86_400_000);
  expect(await history.position("room")).toMatchObject({ offset: 0 });
  expect(await history.since("room", position)).toMatchObject({ reason: "epoch-changed" });
});
