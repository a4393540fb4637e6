import { describe, expect, test } from "vitest";

import { eventually } from "./eventually.ts";
import { useRedis } from "./use-redis.ts";

const { redis } = await useRedis();

const COUNT = { source: `return redis.call("EXISTS", unpack(KEYS))` };

describe("a key watch", () => {
  test("tells once of a key that did not exist when it was read", async () => {
    let touches = 0;
    await using watch = redis.watchKeys(() => touches++);
    expect(await watch.read(COUNT, ["one", "two"])).toBe(0);
    await redis.command(["LPUSH", "two", "x"]);
    await eventually(() => touches === 1);
    await redis.command(["LPUSH", "two", "y"]);
    await redis.command(["SET", "other", "z"]);
    expect(await watch.read(COUNT, ["one", "two"])).toBe(1);
    expect(touches).toBe(1);
    await redis.command(["RPOP", "two"]);
    await eventually(() => touches === 2);
  });

  test("tells of a break, and watches again at the next read", async () => {
    let touches = 0;
    await using watch = redis.watchKeys(() => touches++);
    await watch.read(COUNT, ["three"]);
    await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await eventually(() => touches > 0);
    const before = touches;
    await watch.read(COUNT, ["three"]);
    await redis.command(["SET", "three", "x"]);
    await eventually(() => touches > before);
    expect(touches).toBe(before + 1);
  });

  test("leaves no connection behind", async () => {
    const watch = redis.watchKeys(() => undefined);
    await watch.read(COUNT, ["four"]);
    await watch.close();
    await eventually(async () => {
      const clients = String(await redis.command(["CLIENT", "LIST"]));
      return clients.trim().split("\n").length === 1;
    });
    await expect(watch.read(COUNT, ["four"])).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  });
});
