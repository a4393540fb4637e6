import { setImmediate } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";

import { silentLogger } from "../core/logger.ts";
import { parseGroupPositions } from "../protocol/index.ts";
import { FragileHistory, testApplication, type TestApplication } from "../testing/index.ts";
import { consumer, type ConsumerDefinition } from "./consumer.ts";
import { forward } from "./forward.ts";

const said = z.object({ n: z.number() });
const number = forward<{ readonly n: number }>(({ n }) => n);

/** A room, or several, whose connections miss nothing. */
const rooms: ConsumerDefinition = consumer({
  path: "/rooms/:names",
  history: { size: 50 },
  receives: z.object({ room: z.string(), n: z.number() }),
  events: { said },
  async connect(connection) {
    for (const name of connection.params.names.split(",")) await connection.groupAdd(name);
  },
  receive: (connection, { room, n }) => connection.groupSend(room, { type: "said", n }),
  on: { said: number },
});

test("a client that comes back gets what it missed, in order, then what comes (PROTOCOL.md 9.8)", async () => {
  const site = open();
  const first = await site.connect("/rooms/a");
  await say(site, "a", 1, 2);
  expect([await first.receive(), await first.receive()]).toEqual([1, 2]);
  const { cursor } = first;
  await first.disconnect();
  await say(site, "a", 3, 4);
  const back = await site.connect(`/rooms/a?cursor=${cursor}`);
  await say(site, "a", 5);
  for (const n of [3, 4, 5]) expect(await back.receive()).toBe(n);
  await back.receiveNothing();
  expect(back.resets).toEqual([]);
});

test("a client that leaves before anything came has a cursor, and gets what it missed", async () => {
  const site = open();
  const first = await site.connect("/rooms/a,b");
  await expect.poll(() => parseGroupPositions(first.cursor ?? "")?.size).toBe(2);
  await first.disconnect();
  await say(site, "b", 1);
  const back = await site.connect(`/rooms/a,b?cursor=${first.cursor}`);
  expect(await back.receive()).toBe(1);
  await back.receiveNothing();
});

test("one cursor holds the places in several groups, and Last-Event-ID is as good (PROTOCOL.md 9.8)", async () => {
  const site = open();
  const first = await site.connect("/rooms/a,b,c");
  await say(site, "a", 1);
  await say(site, "b", 2);
  expect([await first.receive(), await first.receive()]).toEqual([1, 2]);
  const { cursor = "" } = first;
  await first.disconnect();
  await say(site, "c", 3);
  await say(site, "a", 4);
  // An event source comes back to the URL that it was opened with.
  const headers = { "last-event-id": cursor };
  const back = await site.connect("/rooms/a,b,c?cursor=older", { headers });
  expect(new Set([await back.receive(), await back.receive()])).toEqual(new Set([3, 4]));
  await back.receiveNothing();
  const again = await site.connect(`/rooms/a,b,c?cursor=${back.cursor}`);
  await again.receiveNothing();
});

test("what is not kept any more is told as a reset, for each group by itself (PROTOCOL.md 9.8)", async () => {
  const site = open();
  const first = await site.connect("/rooms/a,b");
  await expect.poll(() => first.cursor).toBeDefined();
  await first.disconnect();
  // More than its process remembers, too.
  for (let n = 0; n < 300; n++) await say(site, "a", n);
  await say(site, "b", 1);
  const back = await site.connect(`/rooms/a,b?cursor=${first.cursor}`);
  expect(await back.receive()).toBe(1);
  expect(back.resets).toEqual(["evicted"]);
  await say(site, "a", 100);
  expect(await back.receive()).toBe(100);
  const strange = await site.connect("/rooms/a?cursor=junk");
  await strange.receiveNothing();
  expect(strange.resets).toEqual([]);
});

test("more than a connection has room for waits in the history, and nothing is lost", async () => {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const slow = consumer({
    path: "/slow",
    history: { size: 1_000 },
    events: { said },
    connect: (connection) => connection.groupAdd("a"),
    on: {
      async said(connection, { n }) {
        if (n === 0) await gate;
        connection.send(n);
      },
    },
  });
  const site = open(slow);
  const connection = await site.connect("/slow");
  const count = 350;
  for (let n = 0; n < count; n++) {
    await site.app.groupSend("a", { type: "said", n }, { history: { size: 1_000 } });
  }
  release();
  for (let n = 0; n < count; n++) expect(await connection.receive()).toBe(n);
  await say(site, "a", count);
  expect(await connection.receive()).toBe(count);
});

test("what a handler sends for an event leads behind that event", async () => {
  const handled = consumer({
    path: "/handled",
    history: true,
    events: { said },
    connect: (connection) => connection.groupAdd("a"),
    on: { said: async (connection, { n }) => connection.send(await Promise.resolve(n * 10)) },
  });
  const site = open(handled);
  const first = await site.connect("/handled");
  await say(site, "a", 1, 2);
  expect(await first.receive()).toBe(10);
  await first.receive();
  const back = await site.connect(`/handled?cursor=${first.cursor}`);
  await say(site, "a", 3);
  expect(await back.receive()).toBe(30);
});

test("what the group was sent without history comes once, and has no place", async () => {
  const site = open();
  const connection = await site.connect("/rooms/a");
  await say(site, "a", 1);
  await site.app.groupSend("a", { type: "said", n: 2 });
  const received = [await connection.receive(), await connection.receive()];
  expect(new Set(received)).toEqual(new Set([1, 2]));
  await connection.receiveNothing();
  const back = await site.connect(`/rooms/a?cursor=${connection.cursor}`);
  await back.receiveNothing();
});

test("members without history hear what is kept as any other message, once", async () => {
  const plain = consumer({
    path: "/plain",
    events: { said },
    connect: (connection) => connection.groupAdd("a"),
    on: { said: number },
  });
  const mixed = consumer({
    path: "/mixed",
    events: { said },
    async connect(connection) {
      await connection.groupAdd("a");
      await connection.groupAdd("b", { history: true });
    },
    on: { said: number },
  });
  const site = open(plain, mixed);
  const connections = [await site.connect("/plain"), await site.connect("/mixed")];
  await say(site, "a", 1);
  for (const connection of connections) {
    expect(await connection.receive()).toBe(1);
    await connection.receiveNothing();
    expect(connection.cursor === undefined).toBe(connection === connections[0]);
  }
});

test("a client's own message comes back with its place, and a group that was left brings nothing", async () => {
  const leaving = consumer({
    path: "/leaving",
    history: true,
    receives: z.object({ leave: z.string() }),
    events: { said },
    async connect(connection) {
      await connection.groupAdd("a");
      await connection.groupAdd("b");
    },
    receive: (connection, { leave }) => connection.groupDiscard(leave),
    on: { said: number },
  });
  const site = open(leaving);
  const room = await site.connect("/rooms/a");
  await room.request({ room: "a", n: 7 });
  expect(await room.receive()).toBe(7);
  const connection = await site.connect("/leaving");
  await connection.request({ leave: "a" });
  await say(site, "a", 8);
  await say(site, "b", 9);
  expect(await connection.receive()).toBe(9);
  expect(parseGroupPositions(connection.cursor ?? "")?.size).toBe(1);
});

test("a history that is lost under a connection is told to it as a reset", async () => {
  const history = new FragileHistory();
  const site = testApplication({ routes: [rooms], history });
  onTestFinished(async () => await site[Symbol.asyncDispose]());
  const connection = await site.connect("/rooms/a");
  await say(site, "a", 1);
  expect(await connection.receive()).toBe(1);
  history.beginAnew();
  await say(site, "a", 2);
  await expect.poll(() => connection.resets).toEqual(["epoch-changed"]);
  await say(site, "a", 3);
  expect(await connection.receive()).toBe(3);
});

test("bounds that a history cannot have are an error where they are said", () => {
  const bounds = [
    '{"size":0}',
    '{"size":10001}',
    '{"size":"5"}',
    '{"ageMs":0}',
    '{"sizes":5}',
    "1",
    "null",
  ];
  for (const text of bounds) {
    expect(() => consumer({ path: "/x", history: JSON.parse(text) }), text).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID" }),
    );
  }
});

test("a connection is in at most 32 groups with history", async () => {
  const site = open();
  const names = (count: number): string =>
    Array.from({ length: count }, (_, index) => `room.${index}`).join();
  const full = await site.connect(`/rooms/${names(32)}`);
  expect(await full.opening).toMatchObject({ accepted: true });
  await expect.poll(() => parseGroupPositions(full.cursor ?? "")?.size).toBe(32);
  const refused = await site.connect(`/rooms/${names(33)}`);
  expect(await refused.opening).toMatchObject({ accepted: false, status: 500 });
});

function open(...more: readonly ConsumerDefinition[]): TestApplication {
  const site = testApplication({ routes: [rooms, ...more], logger: silentLogger });
  onTestFinished(async () => await site[Symbol.asyncDispose]());
  return site;
}

async function say(site: TestApplication, room: string, ...numbers: readonly number[]) {
  for (const n of numbers) {
    await site.app.groupSend(room, { type: "said", n }, { history: { size: 50 } });
  }
  await setImmediate();
}
