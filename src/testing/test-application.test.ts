import { describe, expect, test } from "vitest";
import { z } from "zod";

import { consumer, forward, use, type RouteContext } from "../channels/index.ts";
import { testApplication } from "./test-application.ts";

const disconnects: unknown[] = [];

const chat = consumer({
  path: "/ws/chat/:room",
  receives: { say: z.object({ text: z.string() }), sum: z.object({ of: z.array(z.number()) }) },
  replies: { sum: z.number() },
  events: { said: z.object({ text: z.string() }) },
  async connect(connection) {
    if (connection.params.room === "closed") return connection.reject(4403, "members only");
    if (connection.params.room === "missing") return connection.reject(404, "no such room");
    connection.accept({ subprotocol: "chat.v1" });
    await connection.groupAdd(connection.params.room);
  },
  receive: {
    say: (connection, { text }) =>
      connection.groupSend(connection.params.room, { type: "said", text }),
    sum: (_connection, { of }) => of.reduce((left, right) => left + right, 0),
  },
  receiveBytes: (connection, bytes) => connection.sendBytes(bytes),
  on: { said: forward() },
  disconnect: (_connection, disconnect) => void disconnects.push(disconnect),
});

const guard = ({ request }: RouteContext): Response | undefined =>
  request.headers.has("authorization") ? undefined : new Response("who are you?", { status: 401 });

describe("testApplication", () => {
  test("connects clients that send and receive", async () => {
    await using site = testApplication({ routes: [chat] });
    await using ada = await site.connect("/ws/chat/lobby");
    await using grace = await site.connect("/ws/chat/lobby");
    expect(await ada.opening).toEqual({ accepted: true, subprotocol: "chat.v1" });
    ada.send({ type: "say", text: "hello" });
    expect(await ada.receive()).toEqual({ type: "said", text: "hello" });
    expect(await grace.receiveText()).toBe('{"type":"said","text":"hello"}');
    await grace.receiveNothing();
    await site.app.layer.groupSend("lobby", { type: "said", text: "from elsewhere" });
    expect(await ada.receive()).toMatchObject({ text: "from elsewhere" });
    ada.sendBytes(Uint8Array.of(7));
    expect(await ada.receiveBytes()).toEqual(Uint8Array.of(7));
  });

  test("returns replies, and complains as a server does", async () => {
    await using site = testApplication({ routes: [chat] });
    await using ada = await site.connect("/ws/chat/lobby");
    expect(await ada.request({ type: "sum", of: [1, 2, 3] })).toBe(6);
    await expect(ada.request({ type: "sum", of: "all" })).rejects.toThrow("MESSAGE_INVALID");
    ada.sendText("{ not json");
    expect(await ada.receive()).toMatchObject({ type: "error", code: "MESSAGE_NOT_JSON" });
  });

  test("shows refusals, closes, and that disconnect has run", async () => {
    await using site = testApplication({ routes: [use([guard], [chat])] });
    const headers = { authorization: "yes" };
    await using stranger = await site.connect("/ws/chat/lobby");
    expect(await stranger.opening).toEqual({
      accepted: false,
      status: 401,
      message: "who are you?",
    });
    await using missing = await site.connect("/ws/chat/missing", { headers });
    expect(await missing.opening).toMatchObject({ accepted: false, status: 404 });
    await using closed = await site.connect("/ws/chat/closed", { headers });
    expect(await closed.closed).toEqual({ code: 4403, reason: "members only" });
    const ada = await site.connect("/ws/chat/lobby", { headers });
    await site.app.closeConnection(ada.channelName, { code: 4000 });
    expect(await ada.closed).toEqual({ code: 4000, reason: "" });
    const grace = await site.connect("/ws/chat/lobby", { headers });
    disconnects.length = 0;
    await grace.disconnect(1001, "bye");
    expect(disconnects).toEqual([{ code: 1001, reason: "bye" }]);
  });

  test("fails, saying what came, when it is not what was expected", async () => {
    await using site = testApplication({ routes: [chat] });
    await using ada = await site.connect("/ws/chat/lobby");
    await expect(ada.receive({ withinMs: 5 })).rejects.toThrow("none came within 5 ms");
    ada.send({ type: "say", text: "hello" });
    await expect(ada.receiveNothing()).rejects.toThrow("expected nothing, got");
    await expect(ada.receiveBytes()).rejects.toThrow("expected bytes, got a text");
    await expect(site.connect("/nowhere")).rejects.toMatchObject({ code: "REQUEST_NOT_FOUND" });
  });
});
