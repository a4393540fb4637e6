import { expect, test } from "vitest";

import { sessionStoreCases } from "../../testing/index.ts";
import { MemorySessionStore } from "./memory.ts";

for (const { name, run } of sessionStoreCases) {
  test(`the memory store ${name}`, async () => {
    await expect(run(() => new MemorySessionStore())).resolves.toBeUndefined();
  });
}

test("beyond its bound, the session that was unused for longest goes", async () => {
  await using store = new MemorySessionStore({ maxSessions: 2 });
  const session = { value: "v", expiresAt: Date.now() + 60_000 };
  for (const key of ["a", "b"]) await store.set(key, session);
  await store.get("a");
  await store.set("c", session);
  expect(await store.get("b")).toBeNull();
  expect(await store.get("a")).toEqual(session);
  expect(() => new MemorySessionStore({ maxSessions: 0 })).toThrow("maxSessions");
});
