import { consumer, forward } from "tidings";
import { connect, TRANSPORTS, type StatusChange } from "tidings/client";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";

import { freePort } from "../free-port.ts";
import { serve } from "./serve.ts";
import { WeakLine } from "./weak-line.ts";

/** A counter that everybody hears of, and what was asked of it. */
function makeCounter() {
  const happened: unknown[] = [];
  const counter = consumer({
    path: "/counter",
    receives: z.object({ add: z.number() }),
    replies: z.number(),
    events: { counted: z.object({ n: z.number() }) },
    connect: (connection) => connection.groupAdd("counter"),
    async receive(connection, { add }) {
      happened.push(add);
      await connection.groupSend("counter", { type: "counted", n: add });
      return happened.length;
    },
    receiveBytes: (connection, bytes) => connection.sendBytes(bytes),
    on: { counted: forward() },
    disconnect: (_, { code }) => void happened.push(`disconnect ${code}`),
  });
  return { happened, counter };
}

describe.each(TRANSPORTS)("connect over %s", (transport) => {
  test("sends, asks, hears, and is told how it went", async () => {
    const { counter, happened } = makeCounter();
    await using server = await serve(() => ({ routes: [counter] }));
    const changes: StatusChange[] = [];
    const room = connect<typeof counter>(`${server.url}/counter`, {
      transport,
      pollMs: 10,
      onStatus: (change) => changes.push(change),
    });
    onTestFinished(() => room.close());
    const heard: unknown[] = [];
    room.on("counted", ({ n }) => heard.push(n));
    room.onBytes((bytes) => heard.push([...bytes]));
    const first = room.send({ add: 1 });
    const second = room.request({ add: 2 });
    await first;
    expect(await second).toBe(2);
    await expect(room.send({ add: "x" as never })).rejects.toMatchObject({
      code: "MESSAGE_INVALID",
      cause: { issues: [{ path: "add" }] },
    });
    await room.sendBytes(Uint8Array.of(0, 255));
    await expect.poll(() => heard).toEqual([1, 2, [0, 255]]);
    expect(changes).toEqual([
      { status: "connecting", transport },
      { status: "open", transport },
    ]);
    room.close();
    await expect.poll(() => happened).toEqual([1, 2, "disconnect 1000"]);
  });

  test("goes on when the line breaks: nothing is lost or repeated, in either direction", async () => {
    const { counter, happened } = makeCounter();
    await using server = await serve(() => ({ routes: [counter] }));
    await using line = await WeakLine.to(server.server.port);
    const statuses: string[] = [];
    const resets: string[] = [];
    const room = connect<typeof counter>(`${line.url}/counter`, {
      transport,
      pollMs: 10,
      onStatus: ({ status }) => statuses.push(status),
      onReset: (reason) => resets.push(reason),
    });
    onTestFinished(() => room.close());
    const heard: number[] = [];
    room.on("counted", ({ n }) => heard.push(n));
    await room.send({ add: 1 });
    await expect.poll(() => heard).toEqual([1]);
    // The server has it, and its answer is lost on the way.
    line.isDeaf = true;
    const unanswered = room.request({ add: 2 });
    await expect.poll(() => happened).toEqual([1, 2]);
    await server.app.layer.groupSend("counter", { type: "counted", n: 3 });
    line.cut();
    expect(await unanswered).toBe(2);
    await room.send({ add: 4 });
    await expect.poll(() => heard).toEqual([1, 2, 3, 4]);
    expect(happened).toEqual([1, 2, 4]);
    expect(resets).toEqual([]);
    room.close();
  });

  test("speaks again after a break in which nothing was missed", async () => {
    const quiet = consumer({
      path: "/quiet",
      receives: z.object({ n: z.number() }),
      replies: z.number(),
      receive: (_, { n }) => 2 * n,
    });
    await using server = await serve(() => ({ routes: [quiet] }));
    await using line = await WeakLine.to(server.server.port);
    const statuses: string[] = [];
    const room = connect<typeof quiet>(`${line.url}/quiet`, {
      transport,
      pollMs: 10,
      onStatus: ({ status }) => statuses.push(status),
    });
    onTestFinished(() => room.close());
    expect(await room.request({ n: 1 })).toBe(2);
    line.port = await freePort();
    line.cut();
    await expect.poll(() => statuses).toContain("waiting");
    line.port = server.server.port;
    expect(await room.request({ n: 2 })).toBe(4);
  });
});

describe.each(TRANSPORTS)("connect over %s from a page", (transport) => {
  test("ends the server's connection when the page is left for good, not when it is put aside", async () => {
    const { counter, happened } = makeCounter();
    await using server = await serve(() => ({ routes: [counter] }));
    const page = stubPage(server.url);
    const statuses: string[] = [];
    const room = connect<typeof counter>("/counter", {
      transport,
      pollMs: 10,
      onStatus: ({ status }) => statuses.push(status),
    });
    onTestFinished(() => room.close());
    await room.send({ add: 1 });
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
    page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await room.send({ add: 2 });
    expect(statuses).toContain("waiting");
    expect(happened).toEqual([1, 2]);
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
    // A browser closes a WebSocket by itself; here nobody does.
    const end = transport === "websocket" ? [] : ["disconnect 1000"];
    await expect.poll(() => happened).toEqual([1, 2, ...end]);
  });
});

/** Puts a browser's page in place, as far as the client looks at it. */
function stubPage(href: string): EventTarget {
  const page = new EventTarget();
  let listeners = 0;
  vi.stubGlobal("location", { href });
  vi.stubGlobal("addEventListener", (...listener: Parameters<EventTarget["addEventListener"]>) => {
    listeners += 1;
    page.addEventListener(...listener);
  });
  vi.stubGlobal(
    "removeEventListener",
    (...listener: Parameters<EventTarget["addEventListener"]>) => {
      listeners -= 1;
      page.removeEventListener(...listener);
    },
  );
  onTestFinished(async () => {
    await expect.poll(() => listeners).toBe(0);
    vi.unstubAllGlobals();
  });
  return page;
}

describe("connect", () => {
  test("takes server-sent events and POST where no WebSocket gets through", async () => {
    const { counter } = makeCounter();
    await using server = await serve(() => ({ routes: [counter] }));
    await using line = await WeakLine.to(server.server.port);
    line.isWithoutUpgrades = true;
    const changes: string[] = [];
    const room = connect<typeof counter>(`${line.url}/counter`, {
      onStatus: ({ status, transport }) => changes.push(`${status} ${transport}`),
    });
    onTestFinished(() => room.close());
    expect(await room.request({ add: 5 })).toBe(1);
    expect(changes).toEqual(["connecting websocket", "connecting sse", "open sse"]);
    room.close();
  });

  test("says so when the server's connection is gone, and what was sent has no answer (PROTOCOL.md 9.7, 10.2)", async () => {
    const never = Promise.withResolvers<void>();
    onTestFinished(() => never.resolve());
    const makeSlow = () =>
      consumer({
        path: "/slow",
        receives: z.object({ wait: z.boolean() }),
        receive: (_, { wait }) => (wait ? never.promise : undefined),
      });
    const first = await serve(() => ({ routes: [makeSlow()] }));
    await using line = await WeakLine.to(first.server.port);
    const resets: string[] = [];
    const room = connect(`${line.url}/slow`, { onReset: (reason) => resets.push(reason) });
    onTestFinished(() => room.close());
    await room.send({ wait: false });
    const unanswered = room.send({ wait: true });
    const waiting = room.send({ wait: false });
    const outcomes = Promise.allSettled([unanswered, waiting]);
    line.cut();
    never.resolve();
    await first[Symbol.asyncDispose]();
    await using second = await serve(() => ({ routes: [makeSlow()] }));
    line.port = second.server.port;
    await room.send({ wait: false });
    expect(await outcomes).toMatchObject([
      { status: "rejected", reason: { code: "CLIENT_CLOSED" } },
      { status: "rejected", reason: { code: "CLIENT_CLOSED" } },
    ]);
    expect(resets).toEqual(["connection-gone"]);
  });
});
