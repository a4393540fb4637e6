import { consumer, type FeedDefinition } from "tidings";
import { connect, follow } from "tidings/client";
import { presenceFeed, RedisPresence, type PresenceEvent } from "tidings/presence";
import { openRedis } from "tidings/redis";
import { presenceCases } from "tidings/testing";
import { expect, onTestFinished, test } from "vitest";

import { serve } from "../integration/serve.ts";
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

test("two servers tell a page who is in a group", async () => {
  const start = () =>
    serve(
      (app) => ({
        routes: [
          presenceFeed(app, { path: "/rooms/:room/people", group: ({ room }) => `room.${room}` }),
          consumer({
            path: "/rooms/:room",
            connect: (connection) =>
              app.presence.track(connection, `room.${connection.params.room}`),
          }),
        ],
      }),
      {},
      { drivers: { layer: server.url } },
    );
  await using one = await start();
  await using two = await start();
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const events = follow<FeedDefinition<PresenceEvent>>(`${two.url}/rooms/a/people`, {
    signal: abort.signal,
  });
  const next = async () => (await events.next()).value?.data;
  expect(await next()).toEqual({ kind: "state", count: 0, members: [] });
  const first = connect(`${one.url}/rooms/a`);
  expect(await next()).toMatchObject({ kind: "joined", count: 1 });
  const second = connect(`${two.url}/rooms/a`);
  expect(await next()).toMatchObject({ kind: "joined", count: 2 });
  expect(await one.app.presence.read("room.a")).toMatchObject({ count: 2 });
  first.close();
  second.close();
});
