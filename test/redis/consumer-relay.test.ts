import { consumer, forward, use, type ConsumerDefinition, type Middleware } from "tidings";
import { MemoryLayer } from "tidings/layers";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { ConsumerEvents, pollConsumer, post } from "../integration/consumer-client.ts";
import { serve, type TestServer } from "../integration/serve.ts";
import { startConsumerHome } from "./consumer-home.ts";
import { RedisServer } from "./redis-server.ts";

const asNamed: Middleware = (context) => {
  const name = context.request.headers.get("name");
  if (name !== null) context.user = { name };
};

/** A room, and what its handlers were asked. */
function makeRoom() {
  const happened: string[] = [];
  const room: ConsumerDefinition = consumer({
    path: "/rooms/:room",
    receives: z.object({ text: z.string() }),
    replies: z.number(),
    events: { said: z.object({ text: z.string() }) },
    connect: (connection) => connection.groupAdd(`room.${connection.params["room"]}`),
    async receive(connection, { text }) {
      happened.push(text);
      await connection.groupSend(`room.${connection.params["room"]}`, { type: "said", text });
      return happened.length;
    },
    on: { said: forward() },
    disconnect: (_, { code }) => void happened.push(`disconnect ${code}`),
  });
  return { happened, room };
}

interface Pair extends AsyncDisposable {
  readonly one: TestServer;
  readonly two: TestServer;
  /** The addresses in turn, as a proxy that knows no sessions chooses. */
  url(): string;
  readonly happened: readonly string[];
}

/** Two servers on one layer. */
async function servePair(kind: string, limits = {}): Promise<Pair> {
  const stack = new AsyncDisposableStack();
  const redis = kind === "memory" ? undefined : stack.use(await RedisServer.start());
  const layer = redis ? redis.url.replace("redis", kind) : new MemoryLayer();
  const { room, happened } = makeRoom();
  const routes = [use([asNamed], [room])];
  const start = async (): Promise<TestServer> =>
    stack.use(await serve(() => ({ routes }), limits, { drivers: { layer }, drainSpreadMs: 0 }));
  const [one, two] = [await start(), await start()];
  let turn = 0;
  return {
    one,
    two,
    happened,
    url: () => `${[one, two][turn++ % 2]?.url}/rooms/blue`,
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  };
}

const texts = (events: readonly { readonly data: unknown }[]): readonly unknown[] =>
  events.map(({ data }) => (data as { text: string }).text);

describe.each(["memory", "redis", "redis+queue"])("two servers on %s, asked in turn", (kind) => {
  test("carry one connection over every delivery, without loss or repetition (10.2)", async () => {
    await using pair = await servePair(kind);
    const { connection, cursor: begin } = await pollConsumer(pair.url());
    const say = async (text: string): Promise<unknown> => {
      const answer = await post(`${pair.url()}?connection=${connection}`, {
        id: text,
        data: { text },
      });
      return await answer.json();
    };
    const heard: unknown[] = [];
    let cursor = begin;
    for (let n = 1; n <= 4; n++) {
      expect(await say(`poll ${n}`)).toEqual({
        answers: [{ ack: `poll ${n}`, data: heard.length + 1 }],
      });
      const page = await pollConsumer(pair.url(), cursor);
      expect(page.connection).toBe(connection);
      heard.push(...texts(page.events));
      cursor = page.cursor;
    }
    for (let n = 1; n <= 4; n++) {
      const waiting = pollConsumer(pair.url(), cursor, { prefer: "wait=10" });
      await say(`long poll ${n}`);
      const page = await waiting;
      heard.push(...texts(page.events));
      cursor = page.cursor;
    }
    for (let n = 1; n <= 4; n++) {
      await using stream = await ConsumerEvents.open(pair.url(), cursor);
      expect([stream.connection, stream.reset]).toEqual([connection, undefined]);
      await say(`stream ${n}`);
      heard.push(...texts([{ data: await stream.next() }]));
      ({ cursor } = stream);
      // What comes while nobody reads is there for who reads next.
      await stream[Symbol.asyncDispose]();
    }
    expect(heard).toEqual(pair.happened);
    expect(heard).toHaveLength(12);
    expect([...pair.one.log, ...pair.two.log]).toEqual([]);
  });

  test("handle a message once, however often and wherever it is sent (10.6)", async () => {
    await using pair = await servePair(kind);
    const { connection } = await pollConsumer(pair.url());
    const say = async (): Promise<unknown> => {
      const url = `${pair.url()}?connection=${connection}`;
      return await (await post(url, [{ id: 1, data: { text: "once" } }])).json();
    };
    const answers = await Promise.all([say(), say(), say(), say()]);
    expect(answers).toEqual(answers.map(() => ({ answers: [{ ack: 1, data: 1 }] })));
    expect(await say()).toEqual(answers[0]);
    expect(pair.happened).toEqual(["once"]);
  });

  test("keep a connection for the user who began it, and end it for them (10.2, 10.7)", async () => {
    await using pair = await servePair(kind);
    const ada = { name: "ada" };
    await using stream = await ConsumerEvents.open(pair.url(), undefined, ada);
    const named = `?connection=${stream.connection}`;
    for (const _ of ["one", "two"]) {
      expect((await post(pair.url() + named, { data: { text: "?" } })).status).toBe(403);
      const other = await pollConsumer(pair.url(), stream.cursor, { name: "eve" });
      expect(other).toMatchObject({ reset: { reason: "connection-gone" }, events: [] });
      const elsewhere = pair.url().replace("blue", "red");
      expect((await post(elsewhere + named, { data: { text: "?" } }, ada)).status).toBe(410);
    }
    await pair.two.app.closeUser("ada", { code: 4001, reason: "moved" });
    expect(await stream.nextFields()).toMatchObject({
      event: "close",
      id: "",
      data: '{"code":4001,"reason":"moved"}',
    });
    expect(pair.happened).toEqual(["disconnect 4001"]);
  });
});

test("a process that is killed is noticed: 410 for what is posted, a new connection for who reads (10.2, 10.6)", async () => {
  await using redis = await RedisServer.start();
  const starting = startConsumerHome(redis.url);
  await using other = await startConsumerHome(redis.url);
  await using home = await starting;
  await using stream = await ConsumerEvents.open(home.url);
  const named = `${other.url}?connection=${stream.connection}`;
  await using relayed = await ConsumerEvents.open(other.url, stream.cursor);
  expect(relayed.connection).toBe(stream.connection);
  expect((await post(named, { id: 1, data: { text: "hello" } })).status).toBe(200);
  expect(await relayed.next()).toEqual({ type: "said", text: "hello" });
  home.kill();
  const posted = post(named, { id: 2, data: { text: "anybody?" } });
  // The stream that the other process relays ends; whoever comes back gets a connection there.
  await expect(relayed.next()).rejects.toThrow("ended before");
  expect((await posted).status).toBe(410);
  await using back = await ConsumerEvents.open(other.url, relayed.cursor);
  expect(back.reset).toBe("connection-gone");
  const again = `${other.url}?connection=${back.connection}`;
  expect((await post(again, { id: 2, data: { text: "again" } })).status).toBe(200);
  expect(await back.next()).toEqual({ type: "said", text: "again" });
});
