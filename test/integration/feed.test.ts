import { feed, feedConnection, forward, refresh, use } from "tidings";
import { follow, TRANSPORTS } from "tidings/client";
import { describe, expect, test } from "vitest";

import { serve, type TestServer } from "./serve.ts";
import { Socket } from "./socket.ts";
import { openStream } from "./stream.ts";

interface Page {
  readonly cursor: string;
  readonly events: readonly {
    readonly cursor: string;
    readonly data: unknown;
    readonly reset?: { readonly reason: string };
  }[];
  readonly end?: true;
}

/** A list that changes, its feed, and how often it was loaded. */
function makeBoard() {
  const board = { notes: ["first"], loads: 0 };
  const topics = feed({
    path: "/topics",
    group: "topics",
    snapshot: () => {
      board.loads += 1;
      return [...board.notes];
    },
    on: { "topics.changed": refresh() },
  });
  const add = async (server: TestServer, note: string): Promise<void> => {
    board.notes.push(note);
    await server.app.layer.groupSend("topics", { type: "topics.changed" });
  };
  return { board, topics, add };
}

async function poll(url: string, headers: Record<string, string> = {}): Promise<Page> {
  const response = await fetch(url, { headers });
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

describe("a feed with a snapshot", () => {
  test("answers a WebSocket, an EventSource, a stream, a long poll and a poll on one URL with the same events (PROTOCOL.md 3.1, 4.1, 4.2, 5.1, 5.2, 6.1, 7.2, 7.3, 8.1)", async () => {
    const { topics, add } = makeBoard();
    await using server = await serve(() => ({ routes: [topics] }));
    const url = `${server.url}/topics`;
    await using plain = await Socket.open(`${server.webSocketUrl}/topics`);
    await using ours = await Socket.open(`${server.webSocketUrl}/topics`, ["tidings.v1"]);
    await using sse = await openStream(url, { accept: "text/event-stream" });
    await using ndjson = await openStream(url, { accept: "application/x-ndjson" });
    const first = await poll(url);

    const [snapshot] = first.events;
    expect(snapshot).toEqual({ cursor: first.cursor, data: ["first"] });
    expect(await plain.next()).toEqual(["first"]);
    expect(ours.protocol).toBe("tidings.v1");
    expect(await ours.next()).toEqual(snapshot);
    expect(await sse.until("\n\n")).toBe(": ok\n\n");
    expect(await sse.until("\n\n")).toBe(`id: ${first.cursor}\ndata: ["first"]\n\n`);
    expect(await ndjson.until("\n")).toBe("\n");
    expect(JSON.parse(await ndjson.until("\n"))).toEqual(snapshot);

    const waiting = poll(`${url}?cursor=${first.cursor}`, { prefer: "wait=5" });
    await add(server, "second");
    const next = await waiting;
    const [change] = next.events;
    expect(change).toEqual({ cursor: next.cursor, data: ["first", "second"] });
    expect(await plain.next()).toEqual(["first", "second"]);
    expect(await ours.next()).toEqual(change);
    expect(await sse.until("\n\n")).toBe(`id: ${next.cursor}\ndata: ["first","second"]\n\n`);
    expect(JSON.parse(await ndjson.until("\n"))).toEqual(change);
    expect(await poll(`${url}?cursor=${first.cursor}`)).toEqual(next);
  });

  test("loads once per change, however many follow, and not at all while nothing changes", async () => {
    const { board, topics, add } = makeBoard();
    await using server = await serve(() => ({ routes: [topics] }));
    const sockets = await Promise.all(
      Array.from({ length: 20 }, () => Socket.open(`${server.webSocketUrl}/topics`)),
    );
    for (const socket of sockets) expect(await socket.next()).toEqual(["first"]);
    for (let n = 0; n < 5; n++) await poll(`${server.url}/topics`);
    expect(board.loads).toBe(1);
    await add(server, "second");
    for (const socket of sockets) expect(await socket.next()).toEqual(["first", "second"]);
    expect(board.loads).toBe(2);
    for (const socket of sockets) await socket[Symbol.asyncDispose]();
  });

  test("answers an unchanged poll with 304 and no body (PROTOCOL.md 8.2)", async () => {
    const { topics, add } = makeBoard();
    await using server = await serve(() => ({ routes: [topics] }));
    const first = await fetch(`${server.url}/topics`);
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w\-.~]+"$/);
    await first.text();
    const unchanged = await fetch(`${server.url}/topics`, {
      headers: { "if-none-match": `W/${etag}` },
    });
    expect(unchanged.status).toBe(304);
    expect(await unchanged.text()).toBe("");
    await add(server, "second");
    const changed = await fetch(`${server.url}/topics`, { headers: { "if-none-match": etag } });
    expect(changed.status).toBe(200);
    expect(changed.headers.get("etag")).not.toBe(etag);
    await changed.text();
  });

  test("takes no messages over a WebSocket, says so, and goes on (PROTOCOL.md 4.3)", async () => {
    const { topics, add } = makeBoard();
    await using server = await serve(() => ({ routes: [topics] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/topics`);
    expect(await socket.next()).toEqual(["first"]);
    socket.sendText("hello");
    const refused = { type: "error", code: "MESSAGE_INVALID", message: "a feed takes no messages" };
    expect(await socket.next()).toEqual(refused);
    await add(server, "second");
    expect(await socket.next()).toEqual(["first", "second"]);
  });

  test("lets a long poll wait in vain, and answers with the same cursor (PROTOCOL.md 7.1, 7.2)", async () => {
    const { topics } = makeBoard();
    await using server = await serve(() => ({ routes: [topics] }));
    const { cursor } = await poll(`${server.url}/topics`);
    const response = await fetch(`${server.url}/topics?cursor=${cursor}`, {
      headers: { prefer: "wait=0" },
    });
    expect(response.headers.get("preference-applied")).toBe("wait=0");
    expect(await response.json()).toEqual({ cursor, events: [] });
  });

  test("gives those who come back exactly what they missed, on every delivery (PROTOCOL.md 1.2, 1.4, 3.3)", async () => {
    const { topics, add } = makeBoard();
    await using server = await serve(() => ({ routes: [topics] }));
    const url = `${server.url}/topics`;
    const { cursor } = await poll(url);
    await add(server, "second");
    const missed = await poll(`${url}?cursor=${cursor}`);
    expect(missed.events).toHaveLength(1);
    await using sse = await openStream(url, {
      accept: "text/event-stream",
      "last-event-id": cursor,
    });
    await sse.until("\n\n");
    expect(await sse.until("\n\n")).toContain(`id: ${missed.cursor}\n`);
    await using socket = await Socket.open(`${server.webSocketUrl}/topics?cursor=${cursor}`, [
      "tidings.v1",
    ]);
    expect(await socket.next()).toEqual(missed.events[0]);
  });

  test("starts over from the state when a cursor is unknown, and says why (PROTOCOL.md 2.1)", async () => {
    const { topics } = makeBoard();
    await using server = await serve(() => ({ routes: [topics] }));
    for (const cursor of ["junk", "%00", "a".repeat(1_000), "bm90LW91cnM~12"]) {
      const { events } = await poll(`${server.url}/topics?cursor=${cursor}`);
      expect(events).toMatchObject([{ data: ["first"], reset: { reason: "epoch-changed" } }]);
    }
  });

  test("says on every delivery that what came after a cursor is kept no longer (PROTOCOL.md 5.1)", async () => {
    const changes = feed({ path: "/changes", group: "changes", snapshot: () => "now", keep: 1 });
    await using server = await serve(() => ({ routes: [changes] }));
    const url = `${server.url}/changes`;
    const { cursor } = await poll(url);
    for (const number of [1, 2]) await server.app.groupSend("changes", { type: "number", number });
    const { events, ...page } = await poll(`${url}?cursor=${cursor}`);
    const reset = { reason: "evicted" };
    expect(events).toEqual([{ cursor: page.cursor, data: "now", reset }]);
    await using sse = await openStream(url, {
      accept: "text/event-stream",
      "last-event-id": cursor,
    });
    expect(await sse.until("\n\n")).toBe(": ok\n\n");
    expect(await sse.until("\n\n")).toBe(`event: reset\ndata: {"reason":"evicted"}\n\n`);
    expect(await sse.until("\n\n")).toBe(`id: ${page.cursor}\ndata: "now"\n\n`);
    await using ndjson = await openStream(`${url}?cursor=${cursor}`, {
      accept: "application/x-ndjson",
    });
    expect(await ndjson.until("\n")).toBe("\n");
    expect(JSON.parse(await ndjson.until("\n"))).toEqual(events[0]);
    await using socket = await Socket.open(`${server.webSocketUrl}/changes?cursor=${cursor}`, [
      "tidings.v1",
    ]);
    expect(await socket.next()).toEqual(events[0]);
    for (const transport of TRANSPORTS) {
      const followed = follow(url, { transport, cursor });
      expect((await followed.next()).value).toEqual(events[0]);
      await followed.return();
    }
  });

  test("tells followers when its snapshot fails, logs it, and works again when it does (PROTOCOL.md 2.3, 4.6, 5.4)", async () => {
    let isBroken = true;
    const flaky = feed({
      path: "/flaky",
      group: "flaky",
      snapshot: () => {
        if (isBroken) throw new Error("database is away");
        return "fine";
      },
    });
    await using server = await serve(() => ({ routes: [flaky] }));
    const response = await fetch(`${server.url}/flaky`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: "FEED_FAILED" } });
    await using sse = await openStream(`${server.url}/flaky`, { accept: "text/event-stream" });
    expect(sse.response.status).toBe(200); // anything else would end an EventSource for good
    expect(await sse.until("\n\n")).toBe("retry: 5000\n: the feed has failed\n\n");
    await using socket = await Socket.open(`${server.webSocketUrl}/flaky`);
    expect(await socket.closed).toEqual({ code: 1011, reason: "feed failed" });
    expect(server.log[0]).toMatchObject({
      level: "error",
      fields: { err: { message: "database is away" } },
    });
    isBroken = false;
    expect((await poll(`${server.url}/flaky`)).events).toMatchObject([{ data: "fine" }]);
  });
});

test("a feed whose snapshot fails later is told to followers and pollers alike, and starts anew", async () => {
  let loads = 0;
  const fragile = feed({
    path: "/fragile",
    group: "fragile",
    snapshot: () => {
      loads += 1;
      if (loads === 2) throw new Error("database is away");
      return loads;
    },
    on: { changed: refresh() },
  });
  await using server = await serve(() => ({ routes: [fragile] }));
  expect((await poll(`${server.url}/fragile`)).events).toMatchObject([{ data: 1 }]);
  await server.app.layer.groupSend("fragile", { type: "changed" });
  expect((await fetch(`${server.url}/fragile`)).status).toBe(503);
  expect((await poll(`${server.url}/fragile`)).events).toMatchObject([{ data: 3 }]);
  expect(server.log).toHaveLength(1);
});

describe("a feed with a live tail", () => {
  test("sends the snapshot first and then each message of its group (PROTOCOL.md 1.3)", async () => {
    const tail = feed({
      path: "/rooms/:room",
      group: ({ room }) => `room-${room}`,
      snapshot: ({ params }) => ({ room: params.room }),
      on: { said: forward() },
    });
    await using server = await serve(() => ({ routes: [tail] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/rooms/a%2Eb`);
    expect(await socket.next()).toEqual({ room: "a.b" });
    await using lobby = await Socket.open(`${server.webSocketUrl}/rooms/lobby`);
    expect(await lobby.next()).toEqual({ room: "lobby" });
    await server.app.layer.groupSend("room-lobby", { type: "said", text: "hi" });
    await server.app.layer.groupSend("room-lobby", { type: "unheard" });
    await server.app.layer.groupSend("room-lobby", { type: "said", text: "again" });
    expect([await lobby.next(), await lobby.next()]).toEqual([
      { type: "said", text: "hi" },
      { type: "said", text: "again" },
    ]);
    const { events } = await poll(`${server.url}/rooms/lobby`);
    expect(events.map(({ data }) => data)).toEqual([
      { room: "lobby" },
      { type: "said", text: "hi" },
      { type: "said", text: "again" },
    ]);
  });
});

describe("a feed of a generator", () => {
  test("runs it once for everybody, gives a newcomer the latest, and stops it when nobody is left", async () => {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const steps = makeSteps();
    let runs = 0;
    const counter = feed({
      path: "/counter",
      async *events({ signal }) {
        runs += 1;
        signal.addEventListener("abort", () => resolve());
        yield* steps.values;
      },
    });
    const server = await serve(() => ({ routes: [counter] }));
    await using one = await Socket.open(`${server.webSocketUrl}/counter`);
    steps.push(1);
    expect(await one.next()).toBe(1);
    await using two = await Socket.open(`${server.webSocketUrl}/counter`);
    expect(await two.next()).toBe(1);
    steps.push(2);
    expect([await one.next(), await two.next()]).toEqual([2, 2]);
    expect(runs).toBe(1);
    await server[Symbol.asyncDispose]();
    await stopped;
    steps.end();
    expect(runs).toBe(1);
  });

  test("tells every follower when it ends, and an EventSource not to come back (PROTOCOL.md 2.2, 4.2, 5.3, 6.2, 7.2)", async () => {
    const steps = makeSteps();
    const brief = feed({ path: "/brief", events: () => steps.values });
    await using server = await serve(() => ({ routes: [brief] }));
    await using plain = await Socket.open(`${server.webSocketUrl}/brief`);
    await using ours = await Socket.open(`${server.webSocketUrl}/brief`, ["tidings.v1"]);
    await using ndjson = await openStream(`${server.url}/brief`, {
      accept: "application/x-ndjson",
    });
    steps.push("only");
    expect(await plain.next()).toBe("only");
    steps.end();
    expect(await plain.closed).toEqual({ code: 1000, reason: "end" });
    expect(await ours.next()).toMatchObject({ data: "only" });
    expect(await ours.next()).toEqual({ end: true });
    await ndjson.until("\n");
    expect(JSON.parse(await ndjson.until("\n"))).toMatchObject({ data: "only" });
    expect(JSON.parse(await ndjson.until("\n"))).toEqual({ end: true });
    const page = await poll(`${server.url}/brief`);
    expect(page).toMatchObject({ events: [{ data: "only" }], end: true });
    const back = await fetch(`${server.url}/brief`, {
      headers: { accept: "text/event-stream", "last-event-id": page.cursor },
    });
    expect(back.status).toBe(204);
  });
});

test("a feed that ended without a word says so to everybody (PROTOCOL.md 1.5, 5.3, 6.2)", async () => {
  const mute = feed({ path: "/mute", async *events() {} });
  await using server = await serve(() => ({ routes: [mute] }));
  expect(await poll(`${server.url}/mute`)).toMatchObject({ events: [], end: true });
  const sse = await fetch(`${server.url}/mute`, { headers: { accept: "text/event-stream" } });
  expect(sse.status).toBe(204);
  const lines = await fetch(`${server.url}/mute`, { headers: { accept: "application/x-ndjson" } });
  expect((await lines.text()).trim()).toBe('{"end":true}');
});

test("a poll that has seen everything is told when the feed ends (PROTOCOL.md 1.5, 7.2)", async () => {
  const steps = makeSteps();
  const brief = feed({ path: "/brief", events: () => steps.values });
  await using server = await serve(() => ({ routes: [brief] }));
  await using socket = await Socket.open(`${server.webSocketUrl}/brief`);
  steps.push(1);
  await socket.next();
  const seen = await fetch(`${server.url}/brief`);
  const headers = { "if-none-match": seen.headers.get("etag") ?? "" };
  const { cursor } = (await seen.json()) as Page;
  steps.end();
  await socket.closed;
  expect(await poll(`${server.url}/brief?cursor=${cursor}`, headers)).toMatchObject({ end: true });
});

test("a mapping that throws costs its own feed a message, and nobody else", async () => {
  const picky = feed({
    path: "/picky",
    group: "picky",
    snapshot: () => "state",
    on: { said: forward(({ text }) => JSON.parse(typeof text === "string" ? text : "")) },
  });
  const plain = feed({ path: "/plain", group: "picky", snapshot: () => "state" });
  await using server = await serve(() => ({ routes: [picky, plain] }));
  await using one = await Socket.open(`${server.webSocketUrl}/picky`);
  await using two = await Socket.open(`${server.webSocketUrl}/plain`);
  expect([await one.next(), await two.next()]).toEqual(["state", "state"]);
  await server.app.layer.groupSend("picky", { type: "said", text: "{" });
  await server.app.layer.groupSend("picky", { type: "said", text: "[1]" });
  expect(await one.next()).toEqual([1]);
  expect(await two.next()).toEqual({ type: "said", text: "{" });
  expect(server.log.map(({ message }) => message)).toEqual(["message dropped"]);
});

test("a message that comes while a refresh loads is in the state or after it, never lost", async () => {
  const gate = Promise.withResolvers<void>();
  const loading = Promise.withResolvers<void>();
  let loads = 0;
  const mixed = feed({
    path: "/mixed",
    group: "mixed",
    async snapshot() {
      loads += 1;
      if (loads === 2) {
        loading.resolve();
        await gate.promise;
      }
      return loads;
    },
    on: { reload: refresh(), add: forward() },
  });
  await using server = await serve(() => ({ routes: [mixed] }));
  await using socket = await Socket.open(`${server.webSocketUrl}/mixed`);
  expect(await socket.next()).toBe(1);
  await server.app.layer.groupSend("mixed", { type: "reload" });
  await loading.promise;
  await server.app.layer.groupSend("mixed", { type: "add" });
  const late = poll(`${server.url}/mixed`);
  gate.resolve();
  expect([await socket.next(), await socket.next(), await socket.next()]).toEqual([
    { type: "add" },
    2,
    { type: "add" },
  ]);
  expect((await late).events.map(({ data }) => data)).toEqual([2, { type: "add" }]);
});

test("a feed asks at every request whether this client may follow it (PROTOCOL.md 3.4, 4.5)", async () => {
  const closed = feed({ path: "/closed", snapshot: () => "secret", authorize: () => false });
  await using server = await serve(() => ({ routes: [closed] }));
  const response = await fetch(`${server.url}/closed`);
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ error: { code: "REQUEST_UNAUTHENTICATED" } });
  await expect(Socket.open(`${server.webSocketUrl}/closed`)).rejects.toThrow("401");
});

test("nobody is let in by what is no answer, over any delivery", async () => {
  const said = { said: new Response("no", { status: 403 }) };
  const asks = feed({
    path: "/asks",
    snapshot: () => "secret",
    authorize: () => Object(said).said,
  });
  const guarded = feed({ path: "/guarded", snapshot: () => "secret" });
  const guard = use([() => Object({ said: false }).said], [guarded]);
  await using server = await serve(() => ({ routes: [asks, guard, feedConnection()] }));
  const named = {
    asks: "`authorize` of feed `/asks` must return true or false",
    guarded: "middleware 1 (`unnamed`) of `/guarded` must return a Response or undefined",
  };
  for (const [name, message] of Object.entries(named)) {
    const url = `${server.url}/${name}`;
    for (const accept of ["application/json", "text/event-stream", "application/x-ndjson"]) {
      const response = await fetch(url, { headers: { accept } });
      expect(response.status, accept).toBe(500);
      expect(await response.json()).toMatchObject({ error: { code: "REQUEST_FAILED" } });
    }
    await expect(Socket.open(`${server.webSocketUrl}/${name}`)).rejects.toThrow("500");
    await using page = await Socket.open(`${server.webSocketUrl}/feeds?follow=/${name}`);
    expect(await page.next()).toMatchObject({ error: { code: "REQUEST_FAILED" } });
    const lines = server.log.filter(({ fields }) => String(fields["err"]).includes(message));
    expect(lines).toHaveLength(5);
  }
});

test("a feed is defined wrongly with a clear error", () => {
  expect(() => feed({ path: "/x" })).toThrow("needs either `snapshot` or `events`");
  expect(() => feed({ path: "/x", snapshot: () => 1, on: { a: refresh() } })).toThrow(
    "it needs a `group`",
  );
  expect(() => feed({ path: "/x", snapshot: () => 1, keep: 0 })).toThrow("expected `keep`");
  const history: boolean = JSON.parse('{ "size": 10 }');
  expect(() => feed({ path: "/x", group: "x", snapshot: () => 1, history })).toThrow(
    "neither true nor false",
  );
});

/** Values that a test pushes into a generator. */
function makeSteps() {
  const queue: unknown[] = [];
  let isEnded = false;
  let wake = (): void => {};
  async function* values(): AsyncGenerator<{ data: unknown }> {
    while (queue.length > 0 || !isEnded) {
      if (queue.length > 0) yield { data: queue.shift() };
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  return {
    values: values(),
    push(value: unknown): void {
      queue.push(value);
      wake();
    },
    end(): void {
      isEnded = true;
      wake();
    },
  };
}
