import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { consumer, forward, use, type ConsumerDefinition, type Middleware } from "tidings";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { ConsumerEvents, pollConsumer, post } from "./consumer-client.ts";
import { countRequests } from "./count-requests.ts";
import { serve, type TestServer } from "./serve.ts";
import { stopClock } from "./stop-clock.ts";

/** So many messages that fit. */
const messages = (count: number): readonly object[] =>
  Array.from({ length: count }, () => ({ data: { n: 1 } }));

type Options = Partial<Parameters<typeof consumer>[0]>;

const tick = z.object({ n: z.number(), padding: z.optional(z.string()) });

/** A consumer that forwards what its group gets, and what ended its connections. */
function makeTicker(options: Options = {}) {
  const ended: number[] = [];
  const ticker: ConsumerDefinition = consumer({
    path: "/ticks",
    receives: z.object({ n: z.number() }),
    events: { tick },
    connect: (connection) => connection.groupAdd("ticks"),
    on: { tick: forward((event: object) => ("n" in event ? event.n : undefined)) },
    disconnect: (_, { code }) => void ended.push(code),
    ...options,
  });
  return { ended, ticker };
}

async function send(server: TestServer, ...numbers: readonly number[]): Promise<void> {
  for (const n of numbers) await server.app.layer.groupSend("ticks", { type: "tick", n });
}

test("a stream that breaks is gone on with: nothing is lost or repeated (10.2)", async () => {
  const { ticker, ended } = makeTicker();
  await using server = await serve(() => ({ routes: [ticker] }));
  const url = `${server.url}/ticks`;
  const heard: unknown[] = [];
  await using first = await ConsumerEvents.open(url);
  let { cursor } = first;
  for (let n = 0; n < 50; n += 5) {
    await send(server, n, n + 1);
    await using stream = await ConsumerEvents.open(url, cursor);
    expect([stream.connection, stream.reset]).toEqual([first.connection, undefined]);
    await send(server, n + 2, n + 3, n + 4);
    for (let count = 0; count < 5; count++) heard.push(await stream.next());
    ({ cursor } = stream);
  }
  expect(heard).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(ended).toEqual([]);
});

test("a connection that nobody reads ends with 1006, and who comes back gets another one (10.2)", async () => {
  const { ticker, ended } = makeTicker();
  await using server = await serve(() => ({ routes: [ticker] }), { resumeMs: 50 });
  const url = `${server.url}/ticks`;
  const { connection, cursor } = await pollConsumer(url);
  await expect.poll(() => ended).toEqual([1006]);
  await expect.poll(() => server.server.connectionCount).toBe(0);
  const answer = await post(`${url}?connection=${connection}`, { data: { n: 1 } });
  expect([answer.status, await answer.json()]).toMatchObject([
    410,
    { error: { code: "CONNECTION_GONE" } },
  ]);
  await using stream = await ConsumerEvents.open(url, cursor);
  expect(stream.reset).toBe("connection-gone");
  expect(stream.connection).not.toBe(connection);
});

test("who comes back to a connection that is gone is told whether anything of its groups is missed (10.10)", async () => {
  const rooms: ConsumerDefinition = consumer({
    path: "/rooms/:name",
    history: true,
    events: { said: z.object({ n: z.number() }) },
    async connect(connection) {
      await connection.groupAdd("room");
      if (connection.params.name === "plain") await connection.groupAdd("x", { history: false });
    },
    on: { said: forward() },
  });
  await using server = await serve(() => ({ routes: [rooms] }), { resumeMs: 50 });
  const say = (n: number): Promise<void> =>
    server.app.groupSend("room", { type: "said", n }, { history: { size: 1 } });
  const reason = "connection-gone";
  for (const [name, count, reset] of [
    ["kept", 1, { reason, recovered: true }],
    ["kept", 300, { reason }], // more than its process remembers, too
    ["plain", 1, { reason }],
  ] as const) {
    const url = `${server.url}/rooms/${name}`;
    const { cursor } = await pollConsumer(url);
    await expect.poll(() => server.server.connectionCount).toBe(0);
    for (let n = 0; n < count; n++) await say(n);
    expect((await pollConsumer(url, cursor)).reset, name).toEqual(reset);
    await expect.poll(() => server.server.connectionCount).toBe(0);
  }
});

test("a connection has a seat until it ends, whether anybody reads it or not", async () => {
  const { ticker } = makeTicker();
  await using server = await serve(() => ({ routes: [ticker] }), { maxConnections: 1 });
  const url = `${server.url}/ticks`;
  const accept = "text/event-stream";
  const { connection, cursor } = await pollConsumer(url);
  const full = await fetch(url, { headers: { accept } });
  expect([full.status, server.server.connectionCount]).toEqual([503, 1]);
  // Whoever reads it takes no other one.
  await using stream = await ConsumerEvents.open(url, cursor);
  expect([stream.connection, server.server.connectionCount]).toEqual([connection, 1]);
  await fetch(`${url}?connection=${connection}`, { method: "DELETE" });
  expect((await pollConsumer(url)).connection).not.toBe(connection);
});

test("a connection that is read lives on, however long nothing is said (10.2)", async () => {
  const { ticker, ended } = makeTicker();
  await using server = await serve(() => ({ routes: [ticker] }), { resumeMs: 50 });
  await using stream = await ConsumerEvents.open(`${server.url}/ticks`);
  const from = Date.now();
  await expect.poll(() => Date.now() - from).toBeGreaterThan(150);
  await send(server, 1);
  expect([await stream.next(), ended]).toEqual([1, []]);
});

test("a client whose line is dead comes back on another, and hears the rest (10.2)", async () => {
  const { ticker } = makeTicker();
  const requests = countRequests();
  await using server = await serve(() => ({ routes: [use([requests.middleware], [ticker])] }));
  const url = `${server.url}/ticks`;
  const { connection, cursor } = await pollConsumer(url);
  // It neither reads nor closes: to the server it looks open.
  const dead = connect({ port: server.server.port, host: "127.0.0.1" }).pause();
  dead.write(
    `GET /ticks?cursor=${cursor} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n`,
  );
  await requests.reached(2);
  await send(server, 1, 2, 3);
  await using stream = await ConsumerEvents.open(url, cursor);
  expect(stream.connection).toBe(connection);
  await send(server, 4);
  const heard = [
    await stream.next(),
    await stream.next(),
    await stream.next(),
    await stream.next(),
  ];
  expect(heard).toEqual([1, 2, 3, 4]);
  dead.destroy();
});

describe("a client that reads too slowly", () => {
  const big = (server: TestServer, n: number): Promise<void> =>
    server.app.layer.groupSend("ticks", { type: "tick", n, padding: "x".repeat(10_000) });
  const on = { tick: forward((event: object) => event) };
  const numbers = (page: { readonly events: readonly { readonly data: unknown }[] }) =>
    page.events.map(({ data }) => (data as { n: number }).n);

  test("holds up its own stream alone, is closed with 1013 at the bound, and cut off", async () => {
    const { ticker, ended } = makeTicker({ on });
    const limits = { maxOutboxBytes: 500_000, heartbeatMs: 50 };
    using accepted = watchAccepted();
    await using server = await serve(() => ({ routes: [ticker] }), limits);
    const slow = connect({ port: server.server.port, host: "127.0.0.1" });
    slow.write(
      "GET /ticks HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n",
    );
    await once(slow, "data");
    slow.pause().on("error", () => {});
    await using quick = await ConsumerEvents.open(`${server.url}/ticks`);
    let sent = 0;
    while (ended.length === 0 && sent < 5_000) {
      await big(server, sent);
      expect(await quick.next()).toMatchObject({ n: sent });
      sent += 1;
    }
    expect(ended).toEqual([1013]);
    await expect.poll(() => accepted.from(slow)?.destroyed).toBe(true);
    let rest = "";
    slow.on("data", (chunk: Buffer) => (rest = chunk.toString().slice(-1_000)));
    slow.resume();
    await once(slow, "close");
    expect(rest).not.toContain("event: close");
  });

  /** The server's ends of connections. */
  function watchAccepted(): Disposable & { from(client: Socket): Socket | undefined } {
    const sockets: Socket[] = [];
    const onSocket = (message: unknown): void =>
      void sockets.push((message as { readonly socket: Socket }).socket);
    subscribe("net.server.socket", onSocket);
    return {
      from: ({ localPort }) => sockets.find(({ remotePort }) => remotePort === localPort),
      [Symbol.dispose]: () => void unsubscribe("net.server.socket", onSocket),
    };
  }

  test("is closed with 1013 at the bound", async () => {
    const { ticker, ended } = makeTicker({ on });
    await using server = await serve(() => ({ routes: [ticker] }), { maxOutboxBytes: 50_000 });
    const { cursor } = await pollConsumer(`${server.url}/ticks`);
    for (let n = 0; n < 6; n++) await big(server, n);
    const page = await pollConsumer(`${server.url}/ticks`, cursor);
    expect(page).toMatchObject({ events: [], close: { code: 1013 }, cursor: "" });
    expect([ended, server.server.losses.tooSlow]).toEqual([[1013], 1]);
  });

  test("misses the oldest, if the consumer says so", async () => {
    const { ticker } = makeTicker({ on, slowConsumer: "drop-oldest" });
    await using server = await serve(() => ({ routes: [ticker] }), { maxOutboxBytes: 50_000 });
    const { cursor } = await pollConsumer(`${server.url}/ticks`);
    for (let n = 0; n < 9; n++) await big(server, n);
    expect(numbers(await pollConsumer(`${server.url}/ticks`, cursor))).toEqual([5, 6, 7, 8]);
    expect(server.server.losses.dropped).toBe(5);
  });

  test("gets the newest of each key, if the consumer says so", async () => {
    const conflate = (data: unknown): string => String((data as { n: number }).n % 2);
    const { ticker } = makeTicker({ on, slowConsumer: { conflate } });
    await using server = await serve(() => ({ routes: [ticker] }));
    const { cursor } = await pollConsumer(`${server.url}/ticks`);
    for (let n = 0; n < 9; n++) await big(server, n);
    expect(numbers(await pollConsumer(`${server.url}/ticks`, cursor))).toEqual([7, 8]);
  });
});

describe("credentials that end", () => {
  /** Lets everybody in until the time that the request names. */
  const until: Middleware = (context) => {
    context.user = { name: "ada" };
    context.expireAt(Number(context.request.headers.get("until")));
  };

  test("close a connection with 3000, and an event source is told to stay away (10.3)", async () => {
    const { ticker, ended } = makeTicker();
    await using server = await serve(() => ({ routes: [use([until], [ticker])] }));
    const url = `${server.url}/ticks`;
    const headers = { until: String(Date.now() + 100) };
    await using stream = await ConsumerEvents.open(url, undefined, headers);
    expect(await stream.nextFields()).toMatchObject({
      event: "close",
      data: '{"code":3000,"reason":"credentials have ended"}',
    });
    expect(ended).toEqual([3000]);
    const back = await fetch(url, {
      headers: { ...headers, accept: "text/event-stream", "last-event-id": stream.cursor },
    });
    expect(back.status).toBe(204);
  });
});

test("a server that stops tells streams when to come back, and answers polls (10.3, 10.5)", async () => {
  const { ticker, ended } = makeTicker();
  const requests = countRequests();
  const routes = [use([requests.middleware], [ticker])];
  await using server = await serve(() => ({ routes }), {}, { drainSpreadMs: 0 });
  const url = `${server.url}/ticks`;
  await using stream = await ConsumerEvents.open(url);
  const { cursor } = await pollConsumer(url);
  const waiting = pollConsumer(url, cursor, { prefer: "wait=30" });
  await send(server, 1);
  expect((await waiting).events).toHaveLength(1);
  const again = pollConsumer(url, (await waiting).cursor, { prefer: "wait=30" });
  await requests.reached(4);
  await using unread = await ConsumerEvents.open(url);
  await server.server.stop();
  expect((await again).close).toEqual({
    code: 1001,
    reason: "server going away",
    retryMs: expect.any(Number),
  });
  expect(await stream.next()).toBe(1);
  for (const each of [stream, unread]) {
    const fields = await each.nextFields();
    expect(fields).toMatchObject({ event: "close", id: "" });
    expect(Number(fields["retry"])).toBeGreaterThanOrEqual(1_000);
  }
  expect(ended).toEqual([1001, 1001, 1001]);
});

describe("a consumer that refuses", () => {
  test("answers with the status that it gives, whatever the delivery", async () => {
    const { ticker } = makeTicker({ connect: (connection) => connection.reject(403, "no") });
    await using server = await serve(() => ({ routes: [ticker] }));
    for (const accept of ["text/event-stream", "application/x-ndjson", "application/json"]) {
      const answer = await fetch(`${server.url}/ticks`, { headers: { accept } });
      expect([answer.status, await answer.json()]).toEqual([
        403,
        { error: { code: "REQUEST_REFUSED", message: "no" } },
      ]);
    }
    await expect.poll(() => server.server.connectionCount).toBe(0);
  });

  test("with a close code says so in the stream", async () => {
    const { ticker } = makeTicker({ connect: (connection) => connection.reject(4403, "no") });
    await using server = await serve(() => ({ routes: [ticker] }));
    await using stream = await ConsumerEvents.open(`${server.url}/ticks`);
    expect(await stream.next()).toEqual({ code: 4403, reason: "no" });
  });

  test("fails with 500 when `connect` does, and with 503 when it takes too long", async () => {
    const failing = makeTicker({
      connect() {
        throw new Error("no database");
      },
    });
    const hanging = makeTicker({ path: "/hanging", connect: () => new Promise(() => {}) });
    const routes = [failing.ticker, hanging.ticker];
    await using server = await serve(() => ({ routes }), { handshakeTimeoutMs: 100 });
    const accept = "text/event-stream";
    for (const [path, status] of [
      ["/ticks", 500],
      ["/hanging", 503],
    ]) {
      const answer = await fetch(`${server.url}${path}`, { headers: { accept } });
      expect(answer.status).toBe(status);
    }
    await expect.poll(() => server.server.connectionCount).toBe(0);
  });
});

describe("what is posted to a consumer", () => {
  test("is refused when it names no connection, is no JSON, or too large (10.6)", async () => {
    const { ticker } = makeTicker({ receive: () => {} });
    await using server = await serve(() => ({ routes: [ticker] }), { maxMessageBytes: 1_000 });
    const url = `${server.url}/ticks`;
    const { connection } = await pollConsumer(url);
    const named = `${url}?connection=${connection}`;
    const refused = async (answer: Promise<Response>): Promise<unknown> => {
      const { status } = await answer;
      const { error } = (await (await answer).json()) as { error: { code: string } };
      return [status, error.code];
    };
    expect(await refused(post(url, {}))).toEqual([400, "REQUEST_MALFORMED"]);
    expect(await refused(post(`${url}?connection=nobody`, {}))).toEqual([410, "CONNECTION_GONE"]);
    expect(await refused(fetch(named, { method: "POST", body: "{" }))).toEqual([
      400,
      "MESSAGE_NOT_JSON",
    ]);
    expect(await refused(post(named, Array(1_001).fill(0)))).toEqual([413, "REQUEST_TOO_LARGE"]);
    expect(await refused(post(named, "x".repeat(1_000)))).toEqual([413, "REQUEST_TOO_LARGE"]);
    expect(await refused(fetch(named, { method: "PUT" }))).toEqual([
      405,
      "REQUEST_METHOD_NOT_ALLOWED",
    ]);
    const answer = await post(named, [{ data: { n: "one" } }, 7, { id: 1, data: { n: 1 } }]);
    expect(await answer.json()).toMatchObject({
      answers: [
        { error: { code: "MESSAGE_INVALID", issues: [{ path: "n" }] } },
        { error: { code: "MESSAGE_INVALID" } },
        { ack: 1 },
      ],
    });
  });

  test("waits for its turn, and is refused with 429 when too much waits (10.6)", async () => {
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const { ticker } = makeTicker({
      receive() {
        begun.resolve();
        return gate.promise;
      },
    });
    await using server = await serve(() => ({ routes: [ticker] }));
    const { connection } = await pollConsumer(`${server.url}/ticks`);
    const named = `${server.url}/ticks?connection=${connection}`;
    const waiting = post(named, messages(999));
    await begun.promise;
    const fits = post(named, { id: 1, data: { n: 1 } });
    await expect.poll(async () => (await post(named, messages(2))).status).toBe(429);
    gate.resolve();
    expect(await (await waiting).json()).toEqual({ answers: [] });
    expect(await (await fits).json()).toEqual({ answers: [{ ack: 1 }] });
  });

  test("is limited to a rate, as a WebSocket's messages are", async () => {
    const clock = stopClock();
    const { ticker, ended } = makeTicker({ receive: () => {} });
    const limits = { maxMessagesPerSecond: 10, maxMessageBurst: 5 };
    await using server = await serve(() => ({ routes: [ticker] }), limits);
    const { connection, cursor } = await pollConsumer(`${server.url}/ticks`);
    const named = `${server.url}/ticks?connection=${connection}`;
    expect((await post(named, messages(10))).status).toBe(200);
    expect((await post(named, { data: { n: 1 } })).status).toBe(429);
    clock.advance(600);
    await expect.poll(async () => (await post(named, { data: { n: 1 } })).status).toBe(200);
    await expect.poll(async () => (await post(named, messages(200))).status).not.toBe(429);
    expect((await pollConsumer(`${server.url}/ticks`, cursor)).close).toMatchObject({ code: 1008 });
    expect([ended, server.server.losses.tooFast]).toEqual([[1008], 1]);
  });

  test("is told that its handler failed, which closes the connection with 1011 (10.6)", async () => {
    const { ticker, ended } = makeTicker({
      receive() {
        throw new Error("no database");
      },
    });
    await using server = await serve(() => ({ routes: [ticker] }));
    const { connection, cursor } = await pollConsumer(`${server.url}/ticks`);
    const body = [
      { id: 1, data: { n: 1 } },
      { id: 2, data: { n: 2 } },
    ];
    const answer = await post(`${server.url}/ticks?connection=${connection}`, body);
    expect(await answer.json()).toMatchObject({
      answers: [
        { ack: 1, error: { code: "REQUEST_FAILED" } },
        { ack: 2, error: { code: "CHANNEL_CLOSED" } },
      ],
    });
    expect((await pollConsumer(`${server.url}/ticks`, cursor)).close).toMatchObject({ code: 1011 });
    expect(ended).toEqual([1011]);
  });
});

test("texts and binary messages go both ways, in JSON (10.3, 10.5, 10.6)", async () => {
  const echo: ConsumerDefinition = consumer({
    path: "/echo",
    receiveText: (connection, text) => connection.sendText(text),
    receiveBytes: (connection, bytes) => connection.sendBytes(bytes),
  });
  await using server = await serve(() => ({ routes: [echo] }));
  const url = `${server.url}/echo`;
  const { connection, cursor } = await pollConsumer(url);
  const answer = await post(`${url}?connection=${connection}`, [
    { data: "a\r\nb\u2028" },
    { id: 1, bytes: Buffer.from([0, 255]).toString("base64") },
    { id: 2, bytes: "not base64!" },
  ]);
  expect(await answer.json()).toMatchObject({ answers: [{ ack: 1 }, { ack: 2, error: {} }] });
  const page = await pollConsumer(url, cursor);
  expect(page.events).toMatchObject([{ data: "a\r\nb\u2028" }, { bytes: "AP8=" }]);
  await using stream = await ConsumerEvents.open(url, cursor);
  expect(await stream.next()).toBe("a\r\nb\u2028");
  expect(await stream.nextFields()).toMatchObject({ event: "bytes", data: '"AP8="' });
});
