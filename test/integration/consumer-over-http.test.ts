import { consumer, forward, use, type ConsumerDefinition } from "tidings";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { ConsumerEvents, pollConsumer, post } from "./consumer-client.ts";
import { countRequests } from "./count-requests.ts";
import { serve } from "./serve.ts";
import { Socket } from "./socket.ts";
import { openStream } from "./stream.ts";

/** What happened in a room's handlers, and the room: what is said reaches everybody. */
function makeRoom() {
  const happened: string[] = [];
  const room: ConsumerDefinition = consumer({
    path: "/room",
    receives: { say: z.object({ text: z.string() }), add: z.object({ to: z.number() }) },
    replies: { add: z.number() },
    events: { said: z.object({ text: z.string() }) },
    async connect(connection) {
      happened.push("connect");
      await connection.groupAdd("room");
      connection.send({ type: "welcome" });
    },
    receive: {
      async say(connection, { text }) {
        happened.push(`say ${text}`);
        await connection.groupSend("room", { type: "said", text });
      },
      add: (_, { to }) => to + 1,
    },
    on: { said: forward() },
    disconnect: (_, { code }) => void happened.push(`disconnect ${code}`),
  });
  return { happened, room };
}

test("a consumer answers an event stream, and takes messages by POST (10.2, 10.6)", async () => {
  const { room, happened } = makeRoom();
  await using server = await serve(() => ({ routes: [room] }));
  const url = `${server.url}/room`;
  await using events = await ConsumerEvents.open(url);
  const { connection } = events;
  await using socket = await Socket.open(`${server.webSocketUrl}/room`);
  expect(events.response.headers.get("x-accel-buffering")).toBe("no");
  expect(events.response.headers.get("vary")).toBe("accept, prefer, origin");
  expect(await events.nextFields()).toEqual({ id: `${connection}.1`, data: '{"type":"welcome"}' });
  const answer = await post(`${url}?connection=${connection}`, [
    { data: { type: "say", text: "hello" } },
    { id: 7, data: { type: "add", to: 1 } },
    { id: "x", data: { type: "add", to: "one" } },
  ]);
  expect(await answer.json()).toMatchObject({
    answers: [
      { ack: 7, data: 2 },
      { ack: "x", error: { code: "MESSAGE_INVALID" } },
    ],
  });
  expect(await events.nextFields()).toEqual({
    id: `${connection}.2`,
    data: '{"type":"said","text":"hello"}',
  });
  expect(await socket.next()).toEqual({ type: "welcome" });
  expect(await socket.next()).toEqual({ type: "said", text: "hello" });
  const ended = await fetch(`${url}?connection=${connection}`, { method: "DELETE" });
  expect(ended.status).toBe(204);
  expect(await events.nextFields()).toMatchObject({
    event: "close",
    data: '{"code":1000,"reason":""}',
  });
  await expect.poll(() => happened).toContain("disconnect 1000");
});

test("a cursor that is none of ours begins a connection that is told so, over every delivery (10.2)", async () => {
  const { room } = makeRoom();
  await using server = await serve(() => ({ routes: [room] }));
  const url = `${server.url}/room`;
  const reset = { reason: "connection-gone" };
  for (const cursor of ["x", "%ff%fe", "a".repeat(4_000)]) {
    expect(await pollConsumer(url, cursor)).toMatchObject({ reset });
  }
  await using stream = await openStream(`${url}?cursor=x`, { accept: "text/event-stream" });
  expect(await stream.until('"connection-gone"')).toContain("event: connection");
  const socketUrl = `${server.webSocketUrl}/room?cursor=x`;
  await using held = await Socket.open(`${socketUrl}&connection=`, ["tidings.v1"]);
  expect(await held.next()).toMatchObject({ reset });
  await using plain = await Socket.open(socketUrl, ["tidings.v1"]);
  expect(await plain.next()).toEqual({ reset: { reason: "epoch-changed" } });
  expect((await pollConsumer(url, "")).reset).toBeUndefined();
});

test("a POST that is not UTF-8 is refused as it would be over a WebSocket (10.6)", async () => {
  const { room, happened } = makeRoom();
  await using server = await serve(() => ({ routes: [room] }));
  const { connection } = await pollConsumer(`${server.url}/room`);
  const body = Buffer.from('{"data":{"type":"say","text":"\xff"}}', "latin1");
  const refused = await fetch(`${server.url}/room?connection=${connection}`, {
    method: "POST",
    body,
  });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { code: "MESSAGE_NOT_JSON" } });
  expect(happened).toEqual(["connect"]);
});

test("lines of JSON carry the same frames, and say how the connection ended (10.4)", async () => {
  const { room } = makeRoom();
  await using server = await serve(() => ({ routes: [room] }));
  const url = `${server.url}/room`;
  await using stream = await openStream(url, { accept: "application/x-ndjson" });
  const line = async (): Promise<Record<string, unknown>> => {
    for (;;) {
      const text = await stream.until("\n");
      if (text !== "\n") return JSON.parse(text) as Record<string, unknown>;
    }
  };
  const { connection, cursor } = await line();
  expect(cursor).toBe(`${String(connection)}.0`);
  expect(await line()).toEqual({ cursor: `${String(connection)}.1`, data: { type: "welcome" } });
  await server.app.layer.groupSend("room", { type: "said", text: "hi" });
  expect(await line()).toEqual({
    cursor: `${String(connection)}.2`,
    data: { type: "said", text: "hi" },
  });
  await fetch(url, { method: "DELETE", headers: { "tidings-connection": String(connection) } });
  expect(await line()).toMatchObject({ close: { code: 1000, reason: "" } });
});

describe("a consumer that is polled", () => {
  test("repeats what the cursor does not acknowledge, and answers 304 when nothing came (10.2, 10.5)", async () => {
    const { room } = makeRoom();
    await using server = await serve(() => ({ routes: [room] }));
    const url = `${server.url}/room`;
    const first = await pollConsumer(url);
    expect(first.events.map(({ data }) => data)).toEqual([{ type: "welcome" }]);
    const begin = `${first.connection}.0`;
    expect(await pollConsumer(url, begin)).toEqual(first);
    await server.app.layer.groupSend("room", { type: "said", text: "one" });
    const both = await pollConsumer(url, begin);
    expect(both.events.map(({ data }) => data)).toEqual([
      { type: "welcome" },
      { type: "said", text: "one" },
    ]);
    const unchanged = await fetch(`${url}?cursor=${both.cursor}`, {
      headers: { accept: "application/json", "if-none-match": `"${both.cursor}"` },
    });
    expect([unchanged.status, await unchanged.text()]).toEqual([304, ""]);
    // What is acknowledged is gone: whoever asks for it is told that it has to start over.
    const late = await pollConsumer(url, begin);
    expect(late.reset).toEqual({ reason: "too-far" });
    expect(late.connection).not.toBe(first.connection);
  });

  test("waits for the next event, and a newer poll ends the one that waits (10.5)", async () => {
    const { room } = makeRoom();
    const requests = countRequests();
    await using server = await serve(() => ({ routes: [use([requests.middleware], [room])] }));
    const url = `${server.url}/room`;
    const { cursor } = await pollConsumer(url, undefined, { prefer: "wait=20" });
    const older = pollConsumer(url, cursor, { prefer: "wait=20" });
    await requests.reached(2);
    const newer = pollConsumer(url, cursor, { prefer: "wait=20" });
    expect([await older, cursor]).toMatchObject([{ events: [], cursor }, cursor]);
    await server.app.layer.groupSend("room", { type: "said", text: "one" });
    expect((await newer).events.map(({ data }) => data)).toEqual([{ type: "said", text: "one" }]);
  });
});
