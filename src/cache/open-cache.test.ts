import { describe, expect, test } from "vitest";

import { MemoryCacheStore } from "./memory.ts";
import { openCache } from "./open-cache.ts";

describe("openCache", () => {
  test("opens a cache in memory, by its URL and by default", async () => {
    for (const url of [undefined, "memory:"]) {
      await using cache = openCache(url);
      await cache.set("key", 1, { ttlMs: 1_000 });
      expect(await cache.get("key")).toBe(1);
    }
  });

  test.each(["redis://localhost", "memory", ""])("refuses `%s`, and names what it knows", (url) => {
    expect(() => openCache(url)).toThrow(
      expect.objectContaining({
        code: "APP_INVALID_URL",
        message: expect.stringContaining("one of the schemes memory:"),
      }),
    );
  });

  test("refuses times and sizes that make no sense", async () => {
    await using cache = openCache();
    for (const ttlMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(cache.set("key", 1, { ttlMs })).rejects.toThrow("expected `ttlMs`");
      await expect(cache.remember("key", { ttlMs }, () => 1)).rejects.toThrow("expected `ttlMs`");
    }
    expect(() => new MemoryCacheStore({ maxEntries: 0 })).toThrow("expected `maxEntries`");
  });

  test("refuses a value that cannot be copied, and remembers nothing", async () => {
    await using cache = openCache();
    await expect(cache.set("key", () => {}, { ttlMs: 1_000 })).rejects.toThrow(
      "could not be cloned",
    );
    await expect(cache.remember("key", { ttlMs: 1_000 }, () => () => {})).rejects.toThrow(
      "could not be cloned",
    );
    expect(await cache.get("key")).toBeUndefined();
  });
});
