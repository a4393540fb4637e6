import { once } from "node:events";
import { connect } from "node:net";

import { consumer, feed } from "tidings";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { serve } from "./serve.ts";
import { Socket } from "./socket.ts";
import { openStream } from "./stream.ts";

const HANDSHAKE =
  "GET /ws/quiet HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

describe("a server", () => {
  test("cuts off a WebSocket that does not answer a ping, and keeps one that does (PROTOCOL.md 4.4)", async () => {
    const { promise: cutOff, resolve } = Promise.withResolvers<number>();
    const quiet = consumer({
      path: "/ws/quiet",
      receives: z.string(),
      receive: (connection, text) => connection.send(text),
      disconnect: (_connection, { code }) => resolve(code),
    });
    await using server = await serve(() => ({ routes: [quiet] }), { heartbeatMs: 250 });
    await using living = await Socket.open(`${server.webSocketUrl}/ws/quiet`);
    const dead = connect(server.server.port, "127.0.0.1");
    dead.write(HANDSHAKE);
    dead.resume();
    expect(await cutOff).toBe(1006);
    living.send("still here");
    expect(await living.next()).toBe("still here");
  });

  test("shows a stream, and a WebSocket of ours, that it lives while nothing happens (PROTOCOL.md 4.4)", async () => {
    const still = feed({ path: "/still", snapshot: () => 1 });
    const silent = consumer({
      path: "/silent",
      receives: z.string(),
      receive: (connection, text) => connection.send(text),
    });
    await using server = await serve(() => ({ routes: [still, silent] }), { heartbeatMs: 250 });
    for (const path of ["/still", "/silent", "/silent?connection="]) {
      await using ours = await Socket.open(`${server.webSocketUrl}${path}`, ["tidings.v1"]);
      while ((await ours.nextText()) !== "{}");
      expect(await ours.nextText()).toBe("{}");
    }
    await using plain = await Socket.open(`${server.webSocketUrl}/silent`);
    await once(plain.raw, "ping");
    plain.send("nothing before this");
    expect(await plain.next()).toBe("nothing before this");
    await using sse = await openStream(`${server.url}/still`, { accept: "text/event-stream" });
    await sse.until("data: 1\n\n");
    expect(await sse.until("\n\n")).toMatch(/^:.*\n\n$/);
    await using ndjson = await openStream(`${server.url}/still`, {
      accept: "application/x-ndjson",
    });
    await ndjson.until("}\n");
    expect(await ndjson.until("\n")).toBe("\n");
  });

  test("cuts off a client that does not read, and its neighbour misses nothing", async () => {
    const codes: number[] = [];
    const loud = consumer({
      path: "/ws/quiet",
      events: { noise: z.object({ text: z.string() }) },
      connect: (connection) => connection.groupAdd("loud"),
      on: { noise: (connection, { text }) => connection.send(text) },
      disconnect: (_connection, { code }) => void codes.push(code),
    });
    await using server = await serve(() => ({ routes: [loud] }), {
      maxOutboxBytes: 256 * 1024,
      heartbeatMs: 15_000, // or the missing pong would end it
    });
    const slow = connect(server.server.port, "127.0.0.1");
    slow.write(HANDSHAKE);
    await once(slow, "readable");
    slow.pause();
    await using quick = await Socket.open(`${server.webSocketUrl}/ws/quiet`);
    const text = "x".repeat(64 * 1024);
    while (codes.length === 0) {
      await server.app.layer.groupSend("loud", { type: "noise", text });
      expect(await quick.next()).toBe(text);
    }
    expect(codes).toEqual([1006]);
    slow.destroy();
  });

  test("lets a connection with a busy handler miss what exceeds 100 waiting events", async () => {
    const gate = Promise.withResolvers<void>();
    const busy = consumer({
      path: "/ws/quiet",
      events: { count: z.object({ n: z.number() }) },
      async connect(connection) {
        await connection.groupAdd("busy");
        connection.send(connection.channelName);
      },
      on: {
        count: async (connection, { n }) => {
          await gate.promise;
          connection.send(n);
        },
      },
    });
    await using server = await serve(() => ({ routes: [busy] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/quiet`);
    const channel = String(await socket.next());
    const { layer } = server.app;
    await layer.groupSend("busy", { type: "count", n: 0 });
    for (let n = 1; n <= 150; n++) await layer.groupSend("busy", { type: "count", n });
    await expect(layer.send(channel, { type: "count", n: 151 })).rejects.toMatchObject({
      code: "LAYER_CHANNEL_FULL",
    });
    gate.resolve();
    for (let n = 0; n <= 100; n++) expect(await socket.next()).toBe(n);
    await server.app.layer.groupSend("busy", { type: "count", n: 999 });
    expect(await socket.next()).toBe(999);
  });

  test("reads a client no faster than its handler works", async () => {
    const gate = Promise.withResolvers<void>();
    let handled = 0;
    const slow = consumer({
      path: "/ws/slow",
      receives: z.number(),
      async receive(connection, n) {
        await gate.promise;
        handled += 1;
        if (n === 4_999) connection.send(handled);
      },
    });
    const echo = consumer({
      path: "/ws/echo",
      receives: z.string(),
      receive: (connection, text) => connection.send(text),
    });
    const limits = { maxMessagesPerSecond: Infinity }; // or that would hold it up
    await using server = await serve(() => ({ routes: [slow, echo] }), limits);
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/slow`);
    // More than the kernel keeps for a reader that sleeps: it stays with the client.
    const padding = " ".repeat(16 * 1024);
    for (let n = 0; n < 5_000; n++) socket.sendText(padding + String(n));
    // The server goes on with others, and takes no more of this client.
    await using other = await Socket.open(`${server.webSocketUrl}/ws/echo`);
    for (
      let left = -1, same = 0;
      same < 50;
      same = left === socket.raw.bufferedAmount ? same + 1 : 0
    ) {
      left = socket.raw.bufferedAmount;
      other.send("");
      await other.next();
    }
    expect(socket.raw.bufferedAmount).toBeGreaterThan(1024 * 1024);
    // The rest are 80 MB: more than a patient reader's two seconds on a busy machine.
    const answered = once(socket.raw, "message");
    gate.resolve();
    await answered;
    expect(await socket.next()).toBe(5_000);
  });
});
