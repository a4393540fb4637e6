import { consumer, forward, type ConsumerDefinition } from "tidings";
import { MemoryLayer } from "tidings/layers";
import { expect, test } from "vitest";
import { z } from "zod";

import { ConsumerEvents, pollConsumer, post } from "./consumer-client.ts";
import { serve, type TestServer } from "./serve.ts";
import { Socket } from "./socket.ts";

/** A counter that everybody hears of, and what was asked of it. */
function makeCounter() {
  const happened: unknown[] = [];
  const counter: ConsumerDefinition = consumer({
    path: "/counter",
    receives: z.object({ add: z.number() }),
    replies: z.number(),
    events: { counted: z.object({ n: z.number() }) },
    connect: (connection) => connection.groupAdd("counter"),
    async receive(connection, { add }) {
      happened.push(add);
      if (add === 0) connection.close(4000, "enough");
      await connection.groupSend("counter", { type: "counted", n: add });
      return happened.length;
    },
    on: { counted: forward(({ n }: { readonly type: string; readonly n?: number }) => n) },
    disconnect: (_, { code }) => void happened.push(`disconnect ${code}`),
  });
  return { happened, counter };
}

interface Hello {
  readonly connection: string;
  readonly cursor: string;
  readonly reset?: { readonly reason: string };
}

/** Opens a WebSocket that can be gone on with, or goes on. */
async function open(
  { webSocketUrl }: TestServer,
  query = "connection=",
): Promise<{ socket: Socket; hello: Hello }> {
  const socket = await Socket.open(`${webSocketUrl}/counter?${query}`, ["tidings.v1"]);
  const hello = (await socket.next()) as Hello;
  return { socket, hello };
}

test("a WebSocket that breaks is gone on with, and a message that comes again is not handled again (10.8)", async () => {
  const { counter, happened } = makeCounter();
  await using server = await serve(() => ({ routes: [counter] }));
  const { socket, hello } = await open(server);
  socket.send({ id: "a", data: { add: 5 } });
  const frames = [await socket.next(), await socket.next()];
  expect(frames).toContainEqual({ ack: "a", data: 1 });
  expect(frames).toContainEqual({ cursor: `${hello.connection}.1`, data: 5 });
  // Its answer is lost with the line.
  socket.send({ id: "b", data: { add: 6 } });
  await expect.poll(() => happened).toEqual([5, 6]);
  socket.raw.terminate();
  await socket.closed;
  const back = await open(server, `cursor=${hello.connection}.1`);
  await using other = back.socket;
  expect(back.hello).toEqual({ connection: hello.connection, cursor: `${hello.connection}.1` });
  expect(await other.next()).toEqual({ cursor: `${hello.connection}.2`, data: 6 });
  other.send({ id: "b", data: { add: 6 } });
  expect(await other.next()).toEqual({ ack: "b", data: 2 });
  expect(happened).toEqual([5, 6]);
});

test("a connection goes from one delivery to another, and to another process, in mid-stream (10.8)", async () => {
  const { counter } = makeCounter();
  const layer = new MemoryLayer();
  const start = async (): Promise<TestServer> =>
    await serve(() => ({ routes: [counter] }), {}, { drivers: { layer } });
  await using one = await start();
  await using two = await start();
  const send = (n: number): Promise<void> => layer.groupSend("counter", { type: "counted", n });
  const { socket, hello } = await open(one);
  await send(1);
  const { cursor } = (await socket.next()) as Hello;
  await using stream = await ConsumerEvents.open(`${two.url}/counter`, cursor);
  // Whoever read it before is sent away.
  expect(await socket.closed).toEqual({ code: 1000, reason: "taken over" });
  await send(2);
  expect(await stream.next()).toBe(2);
  await using again = (await open(two, `cursor=${stream.cursor}`)).socket;
  await send(3);
  expect(await again.next()).toEqual({ cursor: `${hello.connection}.3`, data: 3 });
  again.send({ id: 1, data: { add: 4 } });
  const frames = [await again.next(), await again.next()];
  expect(frames).toContainEqual({ ack: 1, data: 1 });
  const page = await pollConsumer(`${one.url}/counter`, `${hello.connection}.3`);
  expect(page.events).toEqual([{ cursor: `${hello.connection}.4`, data: 4 }]);
});

test("ends when either side closes it, and a client is told how (10.8)", async () => {
  const { counter, happened } = makeCounter();
  await using server = await serve(() => ({ routes: [counter] }));
  const { socket } = await open(server);
  socket.send({ id: 1, data: { add: 0 } });
  const frames = [await socket.next(), await socket.next()];
  expect(frames).toContainEqual({ cursor: "", close: { code: 4000, reason: "enough" } });
  expect(await socket.closed).toEqual({ code: 4000, reason: "enough" });
  const second = await open(server);
  second.socket.raw.close(1000);
  await expect.poll(() => happened).toEqual([0, "disconnect 4000", "disconnect 1000"]);
  await using gone = (await open(server, `cursor=${second.hello.cursor}`)).socket;
  expect(await gone.next()).toMatchObject({ close: { code: 1000 } });
  expect(server.server.connectionCount).toBe(0);
  const answer = await post(`${server.url}/counter?connection=${second.hello.connection}`, {});
  expect(answer.status).toBe(410);
});

test("lives on when a process stops that only carried it (10.8)", async () => {
  const { counter, happened } = makeCounter();
  const layer = new MemoryLayer();
  const drivers = { layer };
  await using home = await serve(() => ({ routes: [counter] }), {}, { drivers });
  await using other = await serve(() => ({ routes: [counter] }), {}, { drivers, drainSpreadMs: 0 });
  const { connection, cursor } = await pollConsumer(`${home.url}/counter`);
  const { socket } = await open(other, `cursor=${cursor}`);
  await other.server.stop();
  expect((await socket.closed).code).toBe(1001);
  await layer.groupSend("counter", { type: "counted", n: 1 });
  await using back = (await open(home, `cursor=${cursor}`)).socket;
  expect(await back.next()).toEqual({ cursor: `${connection}.1`, data: 1 });
  expect(happened).toEqual([]);
});

test("is told that the server goes, and begins another one then (10.8)", async () => {
  const { counter, happened } = makeCounter();
  await using server = await serve(() => ({ routes: [counter] }), {}, { drainSpreadMs: 0 });
  const opened = [await open(server), await open(server)];
  await server.server.stop();
  for (const { socket } of opened) {
    const close = { code: 1001, reason: "server going away", retryMs: expect.any(Number) };
    expect(await socket.next()).toEqual({ cursor: "", close });
    expect((await socket.closed).code).toBe(1001);
  }
  expect(happened).toEqual(["disconnect 1001", "disconnect 1001"]);
});

test("answers what is no message, and carries binary ones in JSON (10.8)", async () => {
  const echo: ConsumerDefinition = consumer({
    path: "/counter",
    receiveBytes: (connection, bytes) => connection.sendBytes(bytes),
  });
  await using server = await serve(() => ({ routes: [echo] }));
  const { socket: opened, hello } = await open(server);
  await using socket = opened;
  socket.sendText("{");
  expect(await socket.next()).toMatchObject({ error: { code: "MESSAGE_NOT_JSON" } });
  socket.send({ id: 1, data: 1 });
  expect(await socket.next()).toMatchObject({ ack: 1, error: { code: "MESSAGE_INVALID" } });
  socket.raw.send(Buffer.from([0, 255]));
  expect(await socket.next()).toEqual({ cursor: `${hello.connection}.1`, bytes: "AP8=" });
});

test("large and many messages wait for a slow handler, and none is refused or out of order (10.8)", async () => {
  const handled: number[] = [];
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const slow: ConsumerDefinition = consumer({
    path: "/counter",
    receives: z.object({ n: z.number(), pad: z.string().optional() }),
    async receive(_, { n }) {
      await gate;
      handled.push(n);
    },
  });
  await using server = await serve(() => ({ routes: [slow] }), {
    maxOutboxBytes: 65_536,
    maxMessageBurst: Infinity,
  });
  const { socket: opened } = await open(server);
  await using socket = opened;
  const pad = "x".repeat(40_000);
  const numbers = Array.from({ length: 2_006 }, (_, n) => n);
  for (const n of numbers) socket.send({ id: n, data: n < 6 ? { n, pad } : { n } });
  release();
  for (const ack of numbers) expect(await socket.next()).toEqual({ ack });
  expect(handled).toEqual(numbers);
});

test("one frame is one message: a list is none (10.8)", async () => {
  const { counter, happened } = makeCounter();
  await using server = await serve(() => ({ routes: [counter] }));
  const { socket: opened } = await open(server);
  await using socket = opened;
  socket.send([{ id: 1, data: { add: 1 } }]);
  expect(await socket.next()).toMatchObject({ error: { code: "MESSAGE_INVALID" } });
  expect(happened).toEqual([]);
});

test("who comes back needs no second seat, and who has none is told so (10.8)", async () => {
  const { counter } = makeCounter();
  await using server = await serve(() => ({ routes: [counter] }), { maxConnections: 1 });
  const { socket, hello } = await open(server);
  const { socket: second } = await open(server, `cursor=${hello.cursor}`);
  await using back = second;
  expect((await socket.closed).reason).toBe("taken over");
  back.send({ id: 1, data: { add: 1 } });
  expect([await back.next(), await back.next()]).toContainEqual({ ack: 1, data: 1 });
  await expect(open(server)).rejects.toThrow("503");
  // One that is gone is begun anew, which takes a seat.
  await expect(open(server, `cursor=${hello.cursor.replace(/^.{4}/, "gone")}`)).rejects.toThrow(
    "503",
  );
  back.raw.close(1000);
  await expect.poll(() => server.server.connectionCount).toBe(0);
  const { socket: next } = await open(server, `cursor=${hello.cursor.replace(/^.{4}/, "gone")}`);
  expect(server.server.connectionCount).toBe(1);
  next.raw.close(1000);
  await expect.poll(() => server.server.connectionCount).toBe(0);
});

test("without `tidings.v1` or a wish for it, a WebSocket is an ordinary one (10.8)", async () => {
  const { counter } = makeCounter();
  await using server = await serve(() => ({ routes: [counter] }));
  await using plain = await Socket.open(`${server.webSocketUrl}/counter?connection=`);
  await using enveloped = await Socket.open(`${server.webSocketUrl}/counter`, ["tidings.v1"]);
  plain.send({ add: 1 });
  expect([await plain.next(), await enveloped.next()]).toEqual([1, { data: 1 }]);
});
