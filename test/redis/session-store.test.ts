import { openSessionStore, storedSessions } from "tidings";
import { RedisSessionStore } from "tidings/identity";
import { openRedis } from "tidings/redis";
import { sessionStoreCases } from "tidings/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";

import { RedisServer } from "./redis-server.ts";

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

for (const { name, run } of sessionStoreCases) {
  test(`the Redis store ${name}`, async () => {
    const make = async () => {
      await using redis = openRedis(server.url);
      await redis.command(["FLUSHALL"]);
      return openSessionStore(server.url);
    };
    await expect(run(make)).resolves.toBeUndefined();
  });
}

test("Redis holds no id, and removes what has ended by itself", async () => {
  const data = z.object({ name: z.string() });
  const secret = "a secret for tests, 32 characters";
  await using sessions = storedSessions({ store: server.url, secret, data, idleMs: 600_000 });
  await using redis = openRedis(server.url);
  await redis.command(["FLUSHALL"]);
  const { setCookie, session } = await sessions.create({ name: "ada" });
  const keys = await redis.command(["KEYS", "*"]);
  expect(String(keys)).toBe(`tidings:session:${session.key}`);
  const id = /=([^.]+)\./.exec(setCookie)?.[1] ?? "";
  expect(id).toHaveLength(32);
  expect(String(keys)).not.toContain(id);
  expect(Number(await redis.command(["PTTL", String(keys)]))).toBeGreaterThan(590_000);
});

test("a Redis that is away is an error, never a missing session", async () => {
  await using own = await RedisServer.start();
  const redis = openRedis({ url: own.url, commandTimeoutMs: 1_000 });
  await using sessions = storedSessions({
    store: new RedisSessionStore(redis),
    secret: "a secret for tests, 32 characters",
    data: z.object({ name: z.string() }),
  });
  const { setCookie } = await sessions.create({ name: "ada" });
  const cookie = setCookie.split(";")[0] ?? "";
  const load = async () =>
    await sessions.load(new Request("https://site.example/", { headers: { cookie } }));
  expect((await load())?.data).toEqual({ name: "ada" });
  await own.kill();
  await expect(load()).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
});
