import { consumer, feed, forward, use, type ConsumerDefinition, type Middleware } from "tidings";
import { expect, test } from "vitest";
import { z } from "zod";

import { serve } from "../integration/serve.ts";
import { Socket } from "../integration/socket.ts";
import { RedisServer } from "./redis-server.ts";

const asNamed: Middleware = (context) => {
  const name = new URL(context.request.url).searchParams.get("name");
  if (name !== null) context.user = { name };
};

const room: ConsumerDefinition = consumer({
  path: "/ws/room",
  receives: z.object({ text: z.string() }),
  events: { said: z.object({ text: z.string() }), poke: z.object({}) },
  async connect(connection) {
    await connection.groupAdd("room");
    connection.send(connection.channelName);
  },
  receive: (connection, { text }) => connection.groupSend("room", { type: "said", text }),
  on: { said: forward(), poke: (connection) => connection.send("poked") },
});
const tail = feed({ path: "/tail", group: "room", snapshot: () => "now" });

test.each(["redis", "redis+queue"])(
  "two servers on %s hold one group, and either closes what the other has",
  async (scheme) => {
    await using redis = await RedisServer.start();
    const drivers = { layer: redis.url.replace("redis", scheme) };
    const routes = [use([asNamed], [room, tail])];
    await using one = await serve(() => ({ routes }), {}, { drivers });
    await using two = await serve(() => ({ routes }), {}, { drivers });
    await using ada = await Socket.open(`${one.webSocketUrl}/ws/room?name=ada`);
    await using grace = await Socket.open(`${two.webSocketUrl}/ws/room?name=grace`);
    await using follower = await Socket.open(`${two.webSocketUrl}/tail?name=ada`);
    const [, channel] = [await ada.next(), String(await grace.next())];
    expect(await follower.next()).toBe("now");
    ada.send({ text: "hello" });
    for (const socket of [ada, grace, follower]) {
      expect(await socket.next()).toEqual({ type: "said", text: "hello" });
    }
    await one.app.layer.send(channel, { type: "poke" });
    expect(await grace.next()).toBe("poked");
    await one.app.closeConnection(channel, { code: 4001, reason: "moved" });
    expect(await grace.closed).toEqual({ code: 4001, reason: "moved" });
    await two.app.closeUser("ada");
    expect([(await ada.closed).code, (await follower.closed).code]).toEqual([3000, 3000]);
    expect([...one.log, ...two.log]).toEqual([]);
  },
);
