import assert from "node:assert/strict";

import { Cache, type CacheStore } from "../../cache/index.ts";

/** Makes the store under test. */
export type MakeCacheStore = (options?: {
  /** The time in milliseconds. */
  readonly now?: (() => number) | undefined;
}) => CacheStore | Promise<CacheStore>;

/** One sentence of the contract, and how to see that it holds. */
export interface CacheCase {
  readonly name: string;
  readonly run: (make: MakeCacheStore) => Promise<void>;
}

const TTL = { ttlMs: 1_000 };

/** The contract of {@link CacheStore}, and of the {@link Cache} on it, free of any test runner. */
export const cacheCases: readonly CacheCase[] = [
  {
    name: "returns what was set, until it is deleted",
    async run(make) {
      await using cache = new Cache(await make());
      assert.equal(await cache.get("key"), undefined);
      await cache.set("key", { list: [1, "é", null] }, TTL);
      await cache.set("other", 2, TTL);
      assert.deepEqual(await cache.get("key"), { list: [1, "é", null] });
      await cache.delete("key");
      assert.equal(await cache.get("key"), undefined);
      assert.equal(await cache.get("other"), 2);
      await cache.clear();
      assert.equal(await cache.get("other"), undefined);
    },
  },
  {
    name: "forgets a value when its time is over",
    async run(make) {
      let time = 1_000_000;
      await using cache = new Cache(await make({ now: () => time }));
      await cache.set("key", 1, TTL);
      time += 999;
      assert.equal(await cache.get("key"), 1);
      time += 1;
      assert.equal(await cache.get("key"), undefined);
    },
  },
  {
    name: "isolates values from whoever set or got them",
    async run(make) {
      await using cache = new Cache(await make());
      const value = { list: [1] };
      await cache.set("key", value, TTL);
      value.list.push(2);
      const got = (await cache.get("key")) as { list: number[] };
      got.list.push(3);
      assert.deepEqual(await cache.get("key"), { list: [1] });
      const both = await Promise.all([
        cache.remember("loaded", TTL, () => [1]),
        cache.remember("loaded", TTL, () => [1]),
      ]);
      both[0].push(2);
      assert.deepEqual(both[1], [1]);
      assert.deepEqual(await cache.get("loaded"), [1]);
    },
  },
  {
    name: "loads once, however many ask at the same time, and remembers it, even undefined",
    async run(make) {
      await using cache = new Cache(await make());
      let loads = 0;
      const load = async (): Promise<undefined> => void (loads += 1);
      await Promise.all(Array.from({ length: 50 }, () => cache.remember("key", TTL, load)));
      await cache.remember("key", TTL, load);
      assert.equal(loads, 1);
    },
  },
  {
    name: "gives a failed load's error to everybody who waits, and loads anew for the next",
    async run(make) {
      await using cache = new Cache(await make());
      const fail = (): Promise<never> => Promise.reject(new Error("away"));
      const waiting = [cache.remember("key", TTL, fail), cache.remember("key", TTL, fail)];
      for (const outcome of await Promise.allSettled(waiting)) {
        assert.equal(outcome.status === "rejected" && outcome.reason.message, "away");
      }
      assert.equal(await cache.remember("key", TTL, () => 1), 1);
    },
  },
  {
    name: "does not remember what was loading when its key was deleted, set or cleared",
    async run(make) {
      await using cache = new Cache(await make());
      const changes = [
        () => cache.delete("key"),
        () => cache.set("key", "set", TTL),
        () => cache.clear(),
      ];
      for (const change of changes) {
        const gate = Promise.withResolvers<string>();
        const loading = Promise.withResolvers<void>();
        const stale = cache.remember("key", TTL, () => {
          loading.resolve();
          return gate.promise;
        });
        await loading.promise;
        await change();
        const fresh = cache.remember("key", TTL, () => "fresh");
        gate.resolve("stale");
        assert.equal(await stale, "stale");
        assert.notEqual(await fresh, "stale");
        assert.equal(await cache.get("key"), await fresh);
        await cache.delete("key");
      }
    },
  },
  {
    name: "loads the keys of others while one is loading, and remembers them apart",
    async run(make) {
      await using cache = new Cache(await make());
      const gate = Promise.withResolvers<number>();
      const slow = cache.remember("slow", TTL, () => gate.promise);
      assert.equal(await cache.remember("quick", TTL, () => 2), 2);
      gate.resolve(1);
      assert.equal(await slow, 1);
      assert.deepEqual([await cache.get("slow"), await cache.get("quick")], [1, 2]);
    },
  },
  {
    name: "lets calls for a key take effect in order",
    async run(make) {
      await using cache = new Cache(await make());
      const last = 20;
      const sets = Array.from({ length: last + 1 }, (_, n) => cache.set("key", n, TTL));
      const got = cache.get("key");
      const deleted = cache.delete("key");
      await Promise.all([...sets, deleted]);
      assert.equal(await got, last);
      assert.equal(await cache.get("key"), undefined);
    },
  },
];
