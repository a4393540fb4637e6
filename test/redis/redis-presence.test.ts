import { RedisPresence } from "tidings/presence";
import { openRedis } from "tidings/redis";
import { presenceCases } from "tidings/testing";
import { expect, test } from "vitest";

import { useRedis } from "./use-redis.ts";

const { server, redis } = await useRedis();
const open = (): RedisPresence => new RedisPresence(openRedis(server.url));

for (const { name, run } of presenceCases) {
  test(`the presence in Redis ${name}`, async () => {
    await expect(run({ open, isShared: true })).resolves.toBeUndefined();
  });
}

test("a Redis that has lost everything says so at the next renewal", async () => {
  await using store = open();
  await store.enter({ group: "room", key: "id:ada", session: "s" }, null, 60_000);
  await redis.command(["FLUSHALL"]);
  expect(await store.renew(60_000)).toBe(false);
});
