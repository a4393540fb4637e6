import { consumer, forward, use, type ConsumerDefinition, type Middleware } from "tidings";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { serve } from "./serve.ts";
import { refusedHandshake, Socket } from "./socket.ts";

const signInAsAda: Middleware = (context) => {
  context.user = { name: "ada" };
};

const chat = consumer({
  path: "/ws/chat/:room",
  receives: z.object({ message: z.string().min(1).max(20) }),
  events: { "chat.message": z.object({ user: z.string(), message: z.string() }) },
  async connect(connection) {
    await connection.groupAdd(`chat_${connection.params.room}`);
  },
  async receive(connection, { message }) {
    const user = connection.user?.name ?? "nobody";
    await connection.groupSend(`chat_${connection.params.room}`, {
      type: "chat.message",
      user,
      message,
    });
  },
  on: { "chat.message": forward() },
});

describe("a consumer over WebSocket", () => {
  test("sends a message of one client to everybody in the room, and to no other room", async () => {
    await using server = await serve(() => ({ routes: [use([signInAsAda], [chat])] }));
    await using ada = await Socket.open(`${server.webSocketUrl}/ws/chat/lobby`);
    await using grace = await Socket.open(`${server.webSocketUrl}/ws/chat/lobby`);
    await using other = await Socket.open(`${server.webSocketUrl}/ws/chat/other`);
    ada.send({ message: "hello" });
    const expected = { type: "chat.message", user: "ada", message: "hello" };
    expect(await ada.next()).toEqual(expected);
    expect(await grace.next()).toEqual(expected);
    other.send({ message: "alone" });
    expect(await other.next()).toMatchObject({ message: "alone" });
  });

  test("takes an event that another part of the program sends to the group", async () => {
    await using server = await serve(() => ({ routes: [chat] }));
    await using ada = await Socket.open(`${server.webSocketUrl}/ws/chat/lobby`);
    await server.app.layer.groupSend("chat_lobby", {
      type: "chat.message",
      user: "job",
      message: "done",
    });
    expect(await ada.next()).toEqual({ type: "chat.message", user: "job", message: "done" });
  });

  test("tells a client what is wrong with its message, and goes on (PROTOCOL.md 9.3)", async () => {
    await using server = await serve(() => ({ routes: [chat] }));
    await using ada = await Socket.open(`${server.webSocketUrl}/ws/chat/lobby`);
    ada.sendText("{ not json");
    expect(await ada.next()).toMatchObject({ type: "error", code: "MESSAGE_NOT_JSON" });
    ada.send({ message: "" });
    expect(await ada.next()).toMatchObject({
      type: "error",
      code: "MESSAGE_INVALID",
      issues: [{ path: "message" }],
    });
    ada.raw.send(Buffer.from([1, 2, 3]));
    expect(await ada.next()).toMatchObject({ type: "error", code: "MESSAGE_NOT_JSON" });
    ada.send({ message: "still here" });
    expect(await ada.next()).toMatchObject({ message: "still here" });
  });

  test("closes a connection whose handler fails with 1011, logs why, and no other connection notices (PROTOCOL.md 4.6)", async () => {
    await using server = await serve(() => ({ routes: [failing] }));
    await using ada = await Socket.open(`${server.webSocketUrl}/ws/failing`);
    await using grace = await Socket.open(`${server.webSocketUrl}/ws/failing`);
    ada.send("boom");
    expect(await ada.closed).toEqual({ code: 1011, reason: "internal error" });
    grace.send("fine");
    expect(await grace.next()).toBe("fine");
    expect(server.log).toMatchObject([
      { level: "error", fields: { consumer: "/ws/failing", err: { message: "boom" } } },
    ]);
  });

  test("refuses a handshake with an HTTP status, or accepts it and closes with a code (PROTOCOL.md 4.5, 9.2)", async () => {
    const { guarded, disconnected } = makeGuarded();
    await using server = await serve(() => ({ routes: [guarded] }));
    const refused = await refusedHandshake(`${server.webSocketUrl}/ws/guarded/http`);
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.body)).toEqual({
      error: { code: "REQUEST_REFUSED", message: "not for you" },
    });
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/guarded/code`);
    expect(await socket.closed).toEqual({ code: 4401, reason: "sign in first" });
    const thrown = await refusedHandshake(`${server.webSocketUrl}/ws/guarded/throws`);
    expect(thrown.status).toBe(500);
    expect(disconnected).toEqual([]);
  });

  test("answers the handshake with a subprotocol and headers of its choice", async () => {
    const choosy = consumer({
      path: "/ws/choosy",
      connect: (connection) =>
        connection.accept({ subprotocol: "chat.v2", headers: { "x-room": "lobby" } }),
    });
    await using server = await serve(() => ({ routes: [choosy] }));
    const headers = Promise.withResolvers<unknown>();
    const socket = Socket.dial(`${server.webSocketUrl}/ws/choosy`, ["chat.v1", "chat.v2"]);
    socket.raw.once("upgrade", (response) => headers.resolve(response.headers["x-room"]));
    await socket.opened;
    expect(socket.protocol).toBe("chat.v2");
    expect(await headers.promise).toBe("lobby");
    await socket[Symbol.asyncDispose]();
  });

  test("runs the handlers of one connection one after another, and those of two side by side (PROTOCOL.md 9.4)", async () => {
    const gates = new Map<string, () => void>();
    const order: string[] = [];
    const slow = consumer({
      path: "/ws/slow",
      receives: z.string(),
      async receive(connection, name) {
        order.push(`${name} begins`);
        const { promise, resolve } = Promise.withResolvers<void>();
        gates.set(name, resolve);
        connection.send(name);
        await promise;
        order.push(`${name} ends`);
      },
    });
    await using server = await serve(() => ({ routes: [slow] }));
    await using one = await Socket.open(`${server.webSocketUrl}/ws/slow`);
    await using two = await Socket.open(`${server.webSocketUrl}/ws/slow`);
    one.send("a");
    one.send("b");
    expect(await one.next()).toBe("a");
    two.send("c");
    expect(await two.next()).toBe("c");
    gates.get("a")?.();
    expect(await one.next()).toBe("b");
    expect(order).toEqual(["a begins", "c begins", "a ends", "b begins"]);
    gates.get("b")?.();
    gates.get("c")?.();
  });

  test("keeps a state for each connection, and tells disconnect why it ended", async () => {
    const { promise: ended, resolve } = Promise.withResolvers<object>();
    const counting = consumer({
      path: "/ws/counting",
      receives: z.literal("count"),
      state: () => ({ count: 0 }),
      receive(connection) {
        connection.state.count += 1;
        connection.send(connection.state.count);
      },
      disconnect: (connection, disconnect) => resolve({ ...connection.state, ...disconnect }),
    });
    await using server = await serve(() => ({ routes: [counting] }));
    await using one = await Socket.open(`${server.webSocketUrl}/ws/counting`);
    await using two = await Socket.open(`${server.webSocketUrl}/ws/counting`);
    one.send("count");
    one.send("count");
    two.send("count");
    expect([await one.next(), await one.next(), await two.next()]).toEqual([1, 2, 1]);
    one.raw.close(4000, "bye");
    expect(await ended).toEqual({ count: 2, code: 4000, reason: "bye" });
  });

  test("handles what a client sent before it closed, then disconnect", async () => {
    const gate = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    const done: (number | string)[] = [];
    const patient = consumer({
      path: "/ws/patient",
      receives: z.number(),
      async receive(_connection, n) {
        await gate.promise;
        done.push(n);
      },
      disconnect() {
        done.push("disconnect");
        over.resolve();
      },
    });
    await using server = await serve(() => ({ routes: [patient] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/patient`);
    for (const n of [1, 2, 3]) socket.send(n);
    socket.raw.close();
    await socket.closed;
    gate.resolve();
    await over.promise;
    expect(done).toEqual([1, 2, 3, "disconnect"]);
  });

  test("leaves its groups when the client is cut off", async () => {
    const { promise: ended, resolve } = Promise.withResolvers<number>();
    const member = consumer({
      path: "/ws/member",
      events: { ping: z.object({}) },
      connect: (connection) => connection.groupAdd("members"),
      on: { ping: (connection) => connection.send("pong") },
      disconnect: (_connection, { code }) => resolve(code),
    });
    await using server = await serve(() => ({ routes: [member] }));
    const gone = await Socket.open(`${server.webSocketUrl}/ws/member`);
    gone.raw.terminate();
    expect(await ended).toBe(1006);
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/member`);
    await server.app.layer.groupSend("members", { type: "ping" });
    expect(await socket.next()).toBe("pong");
    expect(server.log).toEqual([]);
  });

  test("drops an event that does not fit its schema, logs it, and goes on", async () => {
    await using server = await serve(() => ({ routes: [chat] }));
    await using ada = await Socket.open(`${server.webSocketUrl}/ws/chat/lobby`);
    await server.app.layer.groupSend("chat_lobby", { type: "chat.message", user: 7 });
    await server.app.layer.groupSend("chat_lobby", { type: "chat.unknown" });
    await server.app.layer.groupSend("chat_lobby", {
      type: "chat.message",
      user: "b",
      message: "c",
    });
    expect(await ada.next()).toMatchObject({ user: "b", message: "c" });
    expect(server.log.map(({ message }) => message)).toEqual([
      "event dropped",
      "event without a handler",
    ]);
  });

  test("calls nothing for a type that names no handler, whatever the name", async () => {
    await using server = await serve(() => ({ routes: [chat] }));
    await using ada = await Socket.open(`${server.webSocketUrl}/ws/chat/lobby`);
    const types = ["_private", ".private", "connect", "receive", "constructor", "__proto__"];
    for (const type of types) {
      await server.app.layer.groupSend("chat_lobby", { type, user: "b", message: "c" });
    }
    await server.app.layer.groupSend("chat_lobby", {
      type: "chat.message",
      user: "b",
      message: "last",
    });
    expect(await ada.next()).toMatchObject({ message: "last" });
    expect(server.log.map(({ message }) => message)).toEqual(
      types.map(() => "event without a handler"),
    );
  });

  test("maps a forwarded event once, however many connections get it", async () => {
    let mapped = 0;
    const shouting = consumer({
      path: "/ws/shouting",
      events: { said: z.object({ text: z.string() }) },
      connect: (connection) => connection.groupAdd("all"),
      on: {
        said: forward(({ text }: { readonly text: string }) => {
          mapped += 1;
          return text.toUpperCase();
        }),
      },
    });
    await using server = await serve(() => ({ routes: [shouting] }));
    await using one = await Socket.open(`${server.webSocketUrl}/ws/shouting`);
    await using two = await Socket.open(`${server.webSocketUrl}/ws/shouting`);
    await server.app.layer.groupSend("all", { type: "said", text: "hey" });
    expect([await one.next(), await two.next()]).toEqual(["HEY", "HEY"]);
    expect(mapped).toBe(1);
  });

  test("hands dates on as text, as JSON does", async () => {
    const dated = consumer({
      path: "/ws/dated",
      events: { said: z.object({ at: z.coerce.date() }) },
      connect: (connection) => connection.groupAdd("dated"),
      on: { said: forward() },
    });
    await using server = await serve(() => ({ routes: [dated] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/dated`);
    await server.app.layer.groupSend("dated", { type: "said", at: 0 });
    expect(await socket.next()).toEqual({ type: "said", at: "1970-01-01T00:00:00.000Z" });
  });

  test("lets no parameter write headers of its own into the answer", async () => {
    const honest = consumer({
      path: "/ws/honest/:room",
      connect: (connection) => connection.accept({ headers: { "x-room": connection.params.room } }),
    });
    await using server = await serve(() => ({ routes: [honest] }));
    const refused = await refusedHandshake(
      `${server.webSocketUrl}/ws/honest/a%0d%0aSet-Cookie:%20session=evil`,
    );
    expect(refused.status).toBe(500);
    expect(refused.headers["set-cookie"]).toBeUndefined();
  });

  test("delivers an answer after what it answers, to everybody", async () => {
    const echoing = consumer({
      path: "/ws/echoing",
      events: { question: z.object({}), answer: z.object({}) },
      connect: (connection) => connection.groupAdd("echoing"),
      on: {
        question: async (connection) => {
          connection.send("question");
          await connection.groupSend("echoing", { type: "answer" });
        },
        answer: forward(() => "answer"),
      },
    });
    await using server = await serve(() => ({ routes: [echoing] }));
    await using one = await Socket.open(`${server.webSocketUrl}/ws/echoing`);
    await using two = await Socket.open(`${server.webSocketUrl}/ws/echoing`);
    await server.app.layer.groupSend("echoing", { type: "question" });
    for (const socket of [one, two]) expect(await socket.next()).toBe("question");
  });

  test("answers with 500 when a middleware throws", async () => {
    const broken: Middleware = () => {
      throw new Error("away");
    };
    await using server = await serve(() => ({ routes: [use([broken], [chat])] }));
    expect((await refusedHandshake(`${server.webSocketUrl}/ws/chat/lobby`)).status).toBe(500);
    expect(server.log).toMatchObject([{ fields: { err: { message: "away" } } }]);
  });

  test("closes open connections with 1001 when the server stops, and runs disconnect (PROTOCOL.md 4.6)", async () => {
    const codes: number[] = [];
    const staying = consumer({
      path: "/ws/staying",
      disconnect: (_connection, { code }) => void codes.push(code),
    });
    const server = await serve(() => ({ routes: [staying] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/staying`);
    await server.server.stop();
    expect((await socket.closed).code).toBe(1001);
    expect(codes).toEqual([1001]);
    await server[Symbol.asyncDispose]();
  });

  test("is defined wrongly with a clear error", () => {
    expect(() => consumer({ path: "no-slash" })).toThrow("expected a path like `/chat/:room`");
    expect(() => consumer({ path: "/:a/:a" })).toThrow("names a parameter twice");
    const options = { path: "/x", on: { undeclared: forward() } } as Parameters<typeof consumer>[0];
    expect(() => consumer(options)).toThrow(
      "handles `undeclared`, which its `events` do not declare",
    );
  });
});

const failing: ConsumerDefinition = consumer({
  path: "/ws/failing",
  receives: z.string(),
  receive(connection, text) {
    if (text === "boom") throw new Error("boom");
    connection.send(text);
  },
});

/** A consumer that nobody gets into, and those that it has seen leave all the same. */
function makeGuarded() {
  const disconnected: string[] = [];
  const guarded = consumer({
    path: "/ws/guarded/:how",
    connect(connection) {
      if (connection.params.how === "http") return connection.reject(403, "not for you");
      if (connection.params.how === "code") return connection.reject(4401, "sign in first");
      throw new Error("connect failed");
    },
    disconnect: (connection) => void disconnected.push(connection.params.how),
  });
  return { guarded, disconnected };
}
