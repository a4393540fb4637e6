import { describe, expect, test } from "vitest";

import { cacheCases } from "../testing/cases/cache.ts";
import { MemoryCacheStore } from "./memory.ts";

describe("MemoryCacheStore", () => {
  for (const { name, run } of cacheCases) {
    test(name, () =>
      expect(run((options) => new MemoryCacheStore(options))).resolves.toBeUndefined(),
    );
  }

  test("forgets the entry unused for longest when it is full", async () => {
    const store = new MemoryCacheStore({ maxEntries: 2 });
    await store.set("a", 1, 1_000);
    await store.set("b", 2, 1_000);
    await store.get("a");
    await store.set("c", 3, 1_000);
    expect(await store.get("b")).toBeUndefined();
    expect(await store.get("a")).toEqual({ value: 1 });
    expect(await store.get("c")).toEqual({ value: 3 });
  });
});
