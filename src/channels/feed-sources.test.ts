import { describe, expect, test } from "vitest";

import { silentLogger } from "../core/logger.ts";
import { MemoryLayer } from "../layers/index.ts";
import type { FeedEvent } from "../protocol/index.ts";
import { FeedSource, type Follower } from "./feed-source.ts";
import { FeedSources } from "./feed-sources.ts";
import { feed } from "./feed.ts";

const item = feed({ path: "/items/:id", snapshot: ({ params }) => params.id });
const nobody: Follower = { deliver() {}, end() {} };
const memory = new MemoryLayer();
const options = { getLayer: () => memory, logger: silentLogger };
const LIMIT = 10_000;

describe("FeedSources", () => {
  test("makes room at the bound by stopping the oldest source that nobody follows", async () => {
    const sources = new FeedSources(options);
    const first = sources.get(item, { id: "0" });
    await first.follow(nobody);
    const second = sources.get(item, { id: "1" });
    for (let n = 2; n < LIMIT; n++) sources.get(item, { id: String(n) });
    expect(sources.get(item, { id: "1" })).toBe(second);
    sources.get(item, { id: "one more" });
    expect(sources.get(item, { id: "0" })).toBe(first);
    expect(sources.get(item, { id: "1" })).not.toBe(second);
    sources.stop();
  });

  test("refuses one more when all are followed, and only of that feed", async () => {
    const sources = new FeedSources(options);
    for (let n = 0; n < LIMIT; n++) await sources.get(item, { id: String(n) }).follow(nobody);
    expect(() => sources.get(item, { id: "one more" })).toThrow(
      expect.objectContaining({ code: "FEED_OVERLOADED" }),
    );
    const other = feed({ path: "/other", snapshot: () => 1 });
    expect(sources.get(other, {})).toBeInstanceOf(FeedSource);
    sources.stop();
  });

  test("starts nothing any more once it is stopped", () => {
    const sources = new FeedSources(options);
    sources.stop();
    expect(() => sources.get(item, { id: "1" })).toThrow("the server is stopping");
  });
});

describe("FeedSource", () => {
  test("stops by itself when nobody has ever followed it", async () => {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const source = new FeedSource({
      layer: memory,
      logger: silentLogger,
      definition: item,
      params: { id: "1" },
      lingerMs: 1,
      onStop: resolve,
    });
    await stopped;
    await expect(source.follow(nobody)).rejects.toMatchObject({ code: "FEED_FAILED" });
  });

  test("delivers what its group brings while the snapshot loads, after the snapshot", async () => {
    const layer = new MemoryLayer();
    const gate = Promise.withResolvers<void>();
    const loading = Promise.withResolvers<void>();
    const definition = feed({
      path: "/slow",
      group: "slow",
      async snapshot() {
        loading.resolve();
        await gate.promise;
        return "state";
      },
    });
    const source = new FeedSource({ ...options, layer, definition, params: {}, onStop() {} });
    const heard: unknown[] = [];
    const following = source.follow({ ...nobody, deliver: ({ data }) => heard.push(data) });
    await loading.promise;
    await layer.groupSend("slow", { type: "added", n: 1 });
    gate.resolve();
    await following;
    expect(heard).toEqual(["state", { type: "added", n: 1 }]);
    source.stop();
  });

  test("answers a cursor of the future with the state and where it is now", async () => {
    const params = { id: "1" };
    const source = new FeedSource({
      ...options,
      layer: memory,
      definition: item,
      params,
      onStop() {},
    });
    const { cursor } = source.pageSince(undefined, []);
    const forged = cursor.replace(/\d+$/, "99999");
    const events: FeedEvent[] = [];
    await source.follow({ ...nobody, deliver: (event) => events.push(event) }, forged);
    expect(events).toEqual([{ cursor, data: "1", reset: { reason: "epoch-changed" } }]);
    expect(source.pageSince(forged, events)).toEqual({ cursor, events, end: false });
    source.stop();
  });

  test("fails, and logs why, when its state or an event is nothing that JSON can say", async () => {
    const nothing = feed({ path: "/nothing", snapshot: () => undefined });
    const strange = feed({
      path: "/strange",
      async *events() {
        yield { data: () => {} };
      },
    });
    for (const [definition, type] of [
      [nothing, "undefined"],
      [strange, "function"],
    ] as const) {
      const logged: unknown[] = [];
      const logger = { ...silentLogger, error: (fields: unknown) => logged.push(fields) };
      const ended = Promise.withResolvers<Error | undefined>();
      const follower: Follower = { deliver() {}, end: ended.resolve };
      const source = new FeedSource({
        ...options,
        logger,
        layer: memory,
        definition,
        params: {},
        onStop() {},
      });
      source.follow(follower).catch(ended.resolve);
      expect(await ended.promise).toMatchObject({
        code: "FEED_FAILED",
        cause: { code: "APP_INVALID_DEFINITION", message: expect.stringContaining(type) },
      });
      expect(logged).toHaveLength(1);
    }
  });

  test("leaves its group when it is stopped while it joins", async () => {
    const layer = new MemoryLayer();
    const definition = feed({ path: "/x", group: "x", snapshot: () => 1 });
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const source = new FeedSource({ ...options, layer, definition, params: {}, onStop: resolve });
    source.stop();
    await stopped;
    await expect(source.follow(nobody)).rejects.toMatchObject({ code: "FEED_FAILED" });
  });
});
