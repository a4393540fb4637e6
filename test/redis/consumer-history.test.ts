import { consumer, forward, type ConsumerDefinition } from "tidings";
import { expect, test } from "vitest";
import { z } from "zod";

import { ConsumerEvents, pollConsumer } from "../integration/consumer-client.ts";
import { serve, type TestServer } from "../integration/serve.ts";
import { Socket } from "../integration/socket.ts";
import { RedisServer } from "./redis-server.ts";

const room: ConsumerDefinition = consumer({
  path: "/room",
  history: true,
  events: { said: z.object({ n: z.number() }) },
  async connect(connection) {
    await connection.groupAdd("one");
    await connection.groupAdd("two");
  },
  on: { said: forward<{ readonly n: number }>(({ n }) => n) },
});

interface Envelope {
  readonly cursor: string;
  readonly data?: unknown;
  readonly reset?: { readonly reason: string };
}

test("a client may lose its server, and change its transport, and misses and repeats nothing of two groups", async () => {
  await using redis = await RedisServer.start();
  const start = async (): Promise<TestServer> =>
    await serve(() => ({ routes: [room] }), {}, { drivers: { layer: redis.url } });
  await using sender = await start();
  let n = 0;
  const say = async (): Promise<void> => {
    n += 1;
    await sender.app.groupSend(n % 2 ? "one" : "two", { type: "said", n }, { history: true });
  };
  const heard: unknown[] = [];
  let cursor = "";
  const take = (envelope: Envelope): void => {
    if ("data" in envelope) heard.push(envelope.data);
    ({ cursor } = envelope);
  };
  const hearAll = async (next: () => Promise<unknown>): Promise<void> => {
    while (heard.length < n) take((await next()) as Envelope);
  };
  {
    await using server = await start();
    await using socket = await Socket.open(`${server.webSocketUrl}/room`, ["tidings.v1"]);
    take((await socket.next()) as Envelope);
    expect(cursor).toMatch(/^[\w-]+\.[\w-]+$/);
    for (let count = 0; count < 4; count++) await say();
    await hearAll(async () => await socket.next());
  }
  await say();
  await say();
  {
    await using server = await start();
    await using events = await ConsumerEvents.open(`${server.url}/room`, cursor);
    await say();
    await hearAll(async () => {
      const { id, data } = await events.nextFields();
      return data === undefined ? { cursor: id } : { cursor: id, data: JSON.parse(data) };
    });
  }
  await say();
  {
    await using server = await start();
    let page = await pollConsumer(`${server.url}/room`, cursor);
    expect(page.reset).toEqual({ reason: "connection-gone", recovered: true });
    for (;;) {
      for (const event of page.events) take(event);
      if (heard.length >= n) break;
      page = await pollConsumer(`${server.url}/room`, page.cursor, { prefer: "wait=5" });
    }
  }
  await say();
  await using server = await start();
  await using socket = await Socket.open(`${server.webSocketUrl}/room?cursor=${cursor}`, [
    "tidings.v1",
  ]);
  await say();
  await hearAll(async () => await socket.next());
  const inOrder = (parity: number): unknown[] =>
    heard.filter((each) => Number(each) % 2 === parity);
  for (const parity of [0, 1]) {
    const sent = Array.from({ length: n }, (_, index) => index + 1);
    expect(inOrder(parity)).toEqual(sent.filter((each) => each % 2 === parity));
  }
});

test("what cannot be told any more is a reset in the subprotocol, and nothing to a plain client (PROTOCOL.md 9.8)", async () => {
  await using redis = await RedisServer.start();
  const drivers = { layer: redis.url };
  await using server = await serve(() => ({ routes: [room] }), {}, { drivers });
  const say = async (n: number): Promise<void> =>
    await server.app.groupSend("one", { type: "said", n }, { history: { size: 1 } });
  let cursor: string;
  {
    await using other = await serve(() => ({ routes: [room] }), {}, { drivers });
    await using socket = await Socket.open(`${other.webSocketUrl}/room`, ["tidings.v1"]);
    ({ cursor } = (await socket.next()) as Envelope);
  }
  for (const n of [1, 2, 3]) await say(n);
  const url = `${server.webSocketUrl}/room?cursor=${cursor}`;
  await using socket = await Socket.open(url, ["tidings.v1"]);
  await using plain = await Socket.open(url);
  expect(await socket.next()).toMatchObject({ reset: { reason: "evicted" } });
  await say(4);
  expect(await socket.next()).toMatchObject({ data: 4 });
  expect(await plain.next()).toBe(4);
});
