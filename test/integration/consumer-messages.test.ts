import { consumer, forward, type ConsumerDefinition } from "tidings";
import { connect } from "tidings/client";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { serve } from "./serve.ts";
import { Socket } from "./socket.ts";

const OURS = ["tidings.v1"];

const rooms = consumer({
  path: "/ws/rooms",
  receives: {
    join: z.object({ room: z.string().min(1) }),
    add: z.object({ left: z.number(), right: z.number() }),
    fail: z.object({}),
    vague: z.object({}),
  },
  replies: { add: z.object({ sum: z.number() }), vague: z.object({ sum: z.number() }) },
  events: { said: z.object({ text: z.string() }) },
  receive: {
    async join(connection, { type, room }) {
      await connection.groupAdd(room);
      connection.send([type, room]);
    },
    add: (_connection, { left, right }) => ({ sum: left + right }),
    fail() {
      throw new Error("boom");
    },
    vague: () => ({ sum: Number.NaN }),
  },
  on: { said: forward() },
});

describe("a consumer of several kinds of messages", () => {
  test("hands each to the handler of its type, checked against its own schema", async () => {
    await using server = await serve(() => ({ routes: [rooms] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/rooms`);
    socket.send({ type: "join", room: "lobby" });
    expect(await socket.next()).toEqual(["join", "lobby"]);
    socket.send({ type: "join", room: "" });
    expect(await socket.next()).toMatchObject({
      code: "MESSAGE_INVALID",
      issues: [{ path: "room" }],
    });
    for (const message of [{ type: "leave" }, { room: "lobby" }, "join", { type: "toString" }]) {
      socket.send(message);
      expect(await socket.next()).toMatchObject({
        code: "MESSAGE_INVALID",
        message: "expected the message's `type` to be one of join, add, fail, vague",
      });
    }
  });

  test("answers who asks: with the reply, with nothing, or with what was wrong (PROTOCOL.md 9.5, 9.6)", async () => {
    await using server = await serve(() => ({ routes: [rooms] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/rooms`, OURS);
    expect(socket.protocol).toBe("tidings.v1");
    socket.send({ id: 7, data: { type: "add", left: 1, right: 2 } });
    expect(await socket.next()).toEqual({ ack: 7, data: { sum: 3 } });
    socket.send({ id: "j", data: { type: "join", room: "lobby" } });
    expect(await socket.next()).toEqual({ data: ["join", "lobby"] });
    expect(await socket.next()).toEqual({ ack: "j" });
    socket.send({ data: { type: "add", left: 1, right: 2 } });
    socket.send({ id: 8, data: { type: "add", left: "1", right: 2 } });
    expect(await socket.next()).toMatchObject({
      ack: 8,
      error: { code: "MESSAGE_INVALID", issues: [{ path: "left" }] },
    });
    await server.app.layer.groupSend("lobby", { type: "said", text: "hi" });
    expect(await socket.next()).toEqual({ data: { type: "said", text: "hi" } });
  });

  test("answers that a handler failed, and says nothing of the reason (PROTOCOL.md 9.6)", async () => {
    await using server = await serve(() => ({ routes: [rooms] }));
    for (const type of ["fail", "vague"]) {
      await using socket = await Socket.open(`${server.webSocketUrl}/ws/rooms`, OURS);
      socket.send({ id: 1, data: { type } });
      expect(await socket.next()).toEqual({
        ack: 1,
        error: { code: "REQUEST_FAILED", message: "internal error" },
      });
      expect((await socket.closed).code).toBe(1011);
    }
  });

  const INVALID = { code: "MESSAGE_INVALID" };
  test("tells a client of our subprotocol that its frame is no envelope (PROTOCOL.md 9.5, 9.6)", async () => {
    await using server = await serve(() => ({ routes: [rooms] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/rooms`, OURS);
    socket.sendText("{ not json");
    expect(await socket.next()).toMatchObject({ error: { code: "MESSAGE_NOT_JSON" } });
    for (const frame of [
      1,
      { type: "add" },
      { id: {}, data: 1 },
      { id: 1.5 },
      { id: "x".repeat(65), data: 1 },
    ]) {
      socket.send(frame);
      expect(await socket.next()).toEqual({ error: expect.objectContaining(INVALID) });
    }
    // Who asks is answered, whatever else is missing.
    socket.send({ id: 7 });
    expect(await socket.next()).toEqual({ ack: 7, error: expect.objectContaining(INVALID) });
  });
});

describe("the client", () => {
  test("knows when the server has acted on a message, and gets its reply", async () => {
    await using server = await serve(() => ({ routes: [rooms] }));
    const room = connect<typeof rooms>(`${server.url}/ws/rooms`);
    const reply = await room.request({ type: "add", left: 20, right: 22 });
    expect(reply).toEqual({ sum: 42 });
    await room.send({ type: "join", room: "lobby" });
    const heard = new Promise((resolve) => room.on("said", resolve));
    await server.app.layer.groupSend("lobby", { type: "said", text: "hi" });
    expect(await heard).toEqual({ type: "said", text: "hi" });
    await expect(room.send({ type: "join", room: "" })).rejects.toMatchObject({
      code: "MESSAGE_INVALID",
      cause: { issues: [{ path: "room" }] },
    });
    await expect(room.request({ type: "fail" })).rejects.toMatchObject({ code: "REQUEST_FAILED" });
    room.close();
  });

  test("gives up on an answer in time, and when the connection breaks", async () => {
    const gate = Promise.withResolvers<void>();
    const slow = consumer({
      path: "/ws/slow",
      receives: z.literal("wait"),
      receive: () => gate.promise,
    });
    await using server = await serve(() => ({ routes: [slow] }));
    const room = connect<typeof slow>(`${server.url}/ws/slow`);
    await expect(room.request("wait", { timeoutMs: 20 })).rejects.toMatchObject({
      code: "CLIENT_TIMEOUT",
    });
    const broken = room.request("wait");
    room.close();
    await expect(broken).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    gate.resolve();
  });

  test("says that a plain connection has no replies", async () => {
    await using server = await serve(() => ({ routes: [rooms] }));
    const room = connect<typeof rooms>(`${server.url}/ws/rooms`, { plain: true });
    await room.send({ type: "join", room: "lobby" });
    await expect(room.request({ type: "add", left: 1, right: 1 })).rejects.toMatchObject({
      code: "CLIENT_PROTOCOL",
    });
    room.close();
  });

  test("sends and hears binary messages", async () => {
    await using server = await serve(() => ({ routes: [binary] }));
    const room = connect<typeof binary>(`${server.url}/ws/binary`);
    const heard = new Promise((resolve) => room.onBytes(resolve));
    await room.sendBytes(Uint8Array.of(1, 2, 3));
    expect(await heard).toEqual(Uint8Array.of(3, 2, 1));
    room.close();
  });
});

const binary: ConsumerDefinition = consumer({
  path: "/ws/binary",
  receiveBytes: (connection, bytes) => connection.sendBytes(bytes.toReversed()),
});

describe("a consumer of texts and bytes", () => {
  test("takes and sends them as they are, empty ones included (PROTOCOL.md 9.1)", async () => {
    const raw = consumer({
      path: "/ws/raw",
      receiveText: (connection, text) => connection.sendText(`<${text}>`),
      receiveBytes: (connection, bytes) => connection.sendBytes(bytes),
    });
    await using server = await serve(() => ({ routes: [raw] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/raw`);
    socket.sendText("not { json");
    expect(await socket.nextText()).toBe("<not { json>");
    socket.sendText("");
    expect(await socket.nextText()).toBe("<>");
    for (const bytes of [Buffer.from([0, 255]), Buffer.alloc(0)]) {
      const echoed = new Promise((resolve) => socket.raw.once("message", resolve));
      socket.raw.send(bytes);
      expect(await echoed).toEqual(bytes);
    }
  });

  test("refuses bytes when it takes none (PROTOCOL.md 9.3)", async () => {
    await using server = await serve(() => ({ routes: [rooms] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/rooms`);
    socket.raw.send(Buffer.from([1]));
    expect(await socket.next()).toMatchObject({
      code: "MESSAGE_NOT_JSON",
      message: "this consumer takes no binary messages",
    });
  });
});

describe("a consumer", () => {
  test("chooses the first of its subprotocols that the client offers (PROTOCOL.md 9.5)", async () => {
    const choosy = consumer({
      path: "/ws/choosy",
      subprotocols: ["chat.v3", "chat.v2", "chat.v1"],
    });
    await using server = await serve(() => ({ routes: [choosy] }));
    for (const [offered, chosen] of [
      [["chat.v1", "chat.v2"], "chat.v2"],
      [["chat.v1", "tidings.v1"], "tidings.v1"],
    ] as const) {
      await using socket = await Socket.open(`${server.webSocketUrl}/ws/choosy`, [...offered]);
      expect(socket.protocol).toBe(chosen);
    }
  });

  test("goes on after a handler has failed, if it says so", async () => {
    const robust = consumer({
      path: "/ws/robust",
      onError: "keep",
      receives: z.string(),
      receive(connection, text) {
        if (text === "boom") throw new Error("boom");
        connection.send(text);
      },
    });
    await using server = await serve(() => ({ routes: [robust] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/robust`);
    socket.send("boom");
    socket.send("fine");
    expect(await socket.next()).toBe("fine");
    expect(server.log).toMatchObject([{ level: "error", message: "handler failed" }]);
  });

  test("is defined wrongly with a clear error", () => {
    const define = consumer as (options: unknown) => unknown;
    const schema = z.string();
    expect(() => define({ path: "/x", receive: () => 1 })).toThrow("needs the schemas");
    expect(() => define({ path: "/x", receives: { a: schema }, receive: {} })).toThrow(
      "receives `a`, for which `receive` has no handler",
    );
    expect(() =>
      define({ path: "/x", receives: schema, receive: () => 1, replies: { a: schema } }),
    ).toThrow("needs one schema in `replies`");
    expect(() => define({ path: "/x", receives: schema, receiveText: () => 1 })).toThrow(
      "can have no `receives`",
    );
  });
});
