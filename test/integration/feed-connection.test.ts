import { feed, feedConnection, forward, use, type Route } from "tidings";
import { describe, expect, test } from "vitest";

import { ConsumerEvents } from "./consumer-client.ts";
import { serve, type TestServer } from "./serve.ts";
import { Socket } from "./socket.ts";

/** Feeds of the numbers that their group is sent. */
const numbers = feed({
  path: "/numbers/:name",
  group: ({ name }) => name,
  snapshot: () => "now",
  on: { number: forward(({ number }) => number) },
});
const ended = feed({
  path: "/ended",
  async *events() {
    yield { data: "all" };
  },
});
const secret = feed({ path: "/secret", snapshot: () => "for nobody", authorize: () => false });
const broken = feed({
  path: "/broken",
  snapshot: () => {
    throw new Error("database is away");
  },
});

async function tell(server: TestServer, name: string, number: number): Promise<void> {
  await server.app.groupSend(name, { type: "number", number });
}

function routes(maxFeeds?: number): { readonly routes: readonly Route[] } {
  return { routes: [numbers, ended, secret, broken, feedConnection({ maxFeeds })] };
}

describe("one connection for several feeds", () => {
  test("brings the events of each under its name, until it is left (PROTOCOL.md 11.2 and 11.3)", async () => {
    await using server = await serve(() => routes());
    await using socket = await Socket.open(`${server.webSocketUrl}/feeds`);
    socket.send({ type: "follow", feed: 1, url: "/numbers/a" });
    const state = await socket.next();
    expect(state).toEqual({ feed: 1, cursor: expect.any(String), data: "now" });
    expect(await socket.next()).toEqual({ feed: 1, open: true });
    const { cursor } = state as { readonly cursor: string };
    await tell(server, "a", 5);
    expect(await socket.next()).toMatchObject({ feed: 1, data: 5 });
    socket.send({ type: "follow", feed: "again", url: "/numbers/a", cursor });
    expect(await socket.next()).toMatchObject({ feed: "again", data: 5 });
    expect(await socket.next()).toEqual({ feed: "again", open: true });
    // One that is followed already is not followed twice.
    socket.send({ type: "follow", feed: 1, url: "/numbers/a" });
    socket.send({ type: "leave", feed: "again" });
    socket.send({ type: "follow", feed: 2, url: `/numbers/a?cursor=strange` });
    const reset = { reason: "epoch-changed" };
    expect(await socket.next()).toMatchObject({ feed: 2, data: "now", reset });
    expect(await socket.next()).toMatchObject({ feed: 2, data: 5 });
    expect(await socket.next()).toEqual({ feed: 2, open: true });
    await tell(server, "a", 6);
    expect(await socket.next()).toMatchObject({ feed: 1, data: 6 });
    expect(await socket.next()).toMatchObject({ feed: 2, data: 6 });
  });

  test("a feed that is refused, fails or ends does so by itself (PROTOCOL.md 11.4)", async () => {
    await using server = await serve(() => routes(3));
    await using socket = await Socket.open(`${server.webSocketUrl}/feeds`);
    socket.send({ type: "follow", feed: 1, url: "/numbers/a" });
    expect(await socket.next()).toMatchObject({ feed: 1, data: "now" });
    expect(await socket.next()).toMatchObject({ feed: 1, open: true });
    const refusals = [
      ["/secret", 401, "REQUEST_UNAUTHENTICATED"],
      ["/nothing", 404, "REQUEST_NOT_FOUND"],
      ["/feeds", 404, "REQUEST_NOT_FOUND"],
      ["//elsewhere.example/numbers/a", 404, "REQUEST_NOT_FOUND"],
      ["http://", 404, "REQUEST_NOT_FOUND"],
      ["/broken", 503, "FEED_FAILED"],
    ] as const;
    for (const [url, status, code] of refusals) {
      socket.send({ type: "follow", feed: 2, url });
      expect(await socket.next()).toMatchObject({ feed: 2, status, error: { code } });
    }
    socket.send({ type: "follow", feed: 2, url: "/ended" });
    expect(await socket.next()).toMatchObject({ feed: 2, data: "all" });
    for (;;) {
      const frame = await socket.next();
      if (JSON.stringify(frame) === '{"feed":2,"end":true}') break;
      expect(frame).toEqual({ feed: 2, open: true });
    }
    for (const name of ["b", "c"]) {
      socket.send({ type: "follow", feed: name, url: `/numbers/${name}` });
      expect(await socket.next()).toMatchObject({ feed: name, data: "now" });
      expect(await socket.next()).toMatchObject({ feed: name, open: true });
    }
    socket.send({ type: "follow", feed: "d", url: "/numbers/d" });
    const tooMany = { status: 403, error: { code: "FEED_TOO_MANY" } };
    expect(await socket.next()).toMatchObject({ feed: "d", ...tooMany });
    socket.send({ type: "leave", feed: "b" });
    socket.send({ type: "follow", feed: "d", url: "/numbers/d" });
    expect(await socket.next()).toMatchObject({ feed: "d", data: "now" });
    expect(await socket.next()).toMatchObject({ feed: "d", open: true });
    await tell(server, "a", 7);
    expect(await socket.next()).toMatchObject({ feed: 1, data: 7 });
  });

  test("answers what it does not understand, and goes on", async () => {
    await using server = await serve(() => routes());
    await using socket = await Socket.open(`${server.webSocketUrl}/feeds`);
    for (const message of [
      { type: "follow", url: "/numbers/a" },
      { type: "follow", feed: 1.5, url: "/numbers/a" },
      { type: "follow", feed: 1, url: "" },
      { type: "follow", feed: 1, url: "/".repeat(2_049) },
      { type: "follow", feed: 1, url: "/numbers/a", cursor: 5 },
      { type: "leave", feed: "" },
      { type: "other" },
    ]) {
      socket.send(message);
      expect(await socket.next()).toMatchObject({ type: "error", code: "MESSAGE_INVALID" });
    }
  });

  test("an EventSource names its feeds in the URL, and says more by POST (PROTOCOL.md 11.5)", async () => {
    await using server = await serve(() => routes());
    const url = `${server.url}/feeds`;
    const asked = `${url}?follow=/numbers/a&follow=${encodeURIComponent("/numbers/b?x=1")}`;
    await using events = await ConsumerEvents.open(asked);
    const frames: unknown[] = [];
    for (let count = 0; count < 4; count++) frames.push(await events.next());
    for (const name of ["/numbers/a", "/numbers/b?x=1"]) {
      expect(frames).toContainEqual({ feed: name, cursor: expect.any(String), data: "now" });
      expect(frames).toContainEqual({ feed: name, open: true });
    }
    const posted = await fetch(`${url}?connection=${events.connection}`, {
      method: "POST",
      body: JSON.stringify({ id: 1, data: { type: "follow", feed: 3, url: "/numbers/c" } }),
    });
    expect(await posted.json()).toEqual({ answers: [{ ack: 1 }] });
    expect(await events.next()).toMatchObject({ feed: 3, data: "now" });
    expect(await events.next()).toMatchObject({ feed: 3, open: true });
    // Cut off, and gone on with by `Last-Event-ID` alone.
    await events[Symbol.asyncDispose]();
    await tell(server, "a", 1);
    await tell(server, "c", 2);
    await using back = await ConsumerEvents.open(asked, events.cursor);
    expect(back.reset).toBeUndefined();
    expect(await back.next()).toMatchObject({ feed: "/numbers/a", data: 1 });
    expect(await back.next()).toMatchObject({ feed: 3, data: 2 });
  });

  test("an EventSource misses nothing when the connection is gone, by its last cursor (PROTOCOL.md 11.5)", async () => {
    await using server = await serve(() => routes(), { resumeMs: 1 });
    const names = Array.from({ length: 33 }, (_, index) => `/numbers/${index}`);
    const asked = `${server.url}/feeds?${names.map((name) => `follow=${name}`).join("&")}`;
    await using first = await ConsumerEvents.open(asked);
    for (let count = 0; count < 66; count++) await first.next();
    await tell(server, "3", 1);
    expect(await first.next()).toMatchObject({ feed: "/numbers/3", data: 1 });
    const { cursor } = first;
    await first[Symbol.asyncDispose]();
    await expect.poll(() => server.server.connectionCount).toBe(0);
    await tell(server, "3", 2);
    await tell(server, "4", 3);
    await using back = await ConsumerEvents.open(asked, cursor);
    expect(back.reset).toBe("connection-gone");
    const events: unknown[] = [];
    // 33 are open again; the one beyond the bound begins with the state.
    for (let count = 0; count < 36; count++) events.push(await back.next());
    expect(events.filter((event) => !JSON.stringify(event).includes("open"))).toMatchObject([
      { feed: "/numbers/3", data: 2 },
      { feed: "/numbers/4", data: 3 },
      { feed: expect.any(String), data: "now" },
    ]);
  });

  test("each feed is let through by its own middleware, with what the connection has presented (PROTOCOL.md 11.4)", async () => {
    const users: unknown[] = [];
    const mine = feed({
      path: "/mine",
      snapshot: () => "mine",
      authorize: ({ user, request }) => {
        users.push([user?.name, new URL(request.url).pathname]);
        return user !== null;
      },
    });
    await using server = await serve(() => ({
      routes: [
        feedConnection(),
        use([(context) => void (context.user = toUser(context.request))], [mine]),
      ],
    }));
    await using stranger = await Socket.open(`${server.webSocketUrl}/feeds?follow=/mine`);
    expect(await stranger.next()).toMatchObject({ feed: "/mine", status: 401 });
    const headers = { "x-user": "ada" };
    await using ada = await Socket.open(`${server.webSocketUrl}/feeds?follow=/mine`, [], {
      headers,
    });
    expect(await ada.next()).toMatchObject({ feed: "/mine", data: "mine" });
    expect(await ada.next()).toMatchObject({ feed: "/mine", open: true });
    expect(users).toEqual([
      [undefined, "/mine"],
      ["ada", "/mine"],
    ]);
    await server.app.closeUser("ada");
    expect(await ada.next()).toMatchObject({
      feed: "/mine",
      status: 401,
      error: { code: "REQUEST_UNAUTHENTICATED" },
    });
  });
});

function toUser({ headers }: Request): { readonly name: string } | null {
  const name = headers.get("x-user");
  return name === null ? null : { name };
}
