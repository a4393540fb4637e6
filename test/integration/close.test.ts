import { consumer, feed, use, type ConsumerDefinition, type Middleware } from "tidings";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { serve } from "./serve.ts";
import { Socket } from "./socket.ts";
import { stopClock } from "./stop-clock.ts";

/** Recognises whoever the query names. */
const asNamed: Middleware = (context) => {
  const name = new URL(context.request.url).searchParams.get("name");
  context.user = name === null ? null : { name };
};

const member: ConsumerDefinition = consumer({
  path: "/ws/member",
  connect: (connection) => connection.send(connection.channelName),
});

const ticks = feed({ path: "/ticks", snapshot: () => 0 });

describe("a connection", () => {
  test("is reached by its channel's name from anywhere, and by nothing else", async () => {
    const named = consumer({
      path: "/ws/named",
      events: { poke: z.object({ n: z.number() }) },
      connect: (connection) => connection.send(connection.channelName),
      on: { poke: (connection, { n }) => connection.send(n) },
    });
    await using server = await serve(() => ({ routes: [named] }));
    await using one = await Socket.open(`${server.webSocketUrl}/ws/named`);
    await using two = await Socket.open(`${server.webSocketUrl}/ws/named`);
    const [first, second] = [String(await one.next()), String(await two.next())];
    await server.app.layer.send(second, { type: "poke", n: 2 });
    await server.app.layer.send(first, { type: "poke", n: 1 });
    expect([await one.next(), await two.next()]).toEqual([1, 2]);
  });

  test("is told by the task that it sent", async () => {
    await using server = await serve((app) => {
      const square = app.task("square", async (channel: string, n: number) => {
        await app.layer.send(channel, { type: "done", n: n * n });
      });
      const asking = consumer({
        path: "/ws/asking",
        receives: z.object({ n: z.number() }),
        events: { done: z.object({ n: z.number() }) },
        receive: async ({ channelName }, { n }) => void (await square.delay(channelName, n)),
        on: { done: (connection, { n }) => connection.send(n) },
      });
      return { routes: [asking] };
    });
    await using worker = server.app.tasks.createWorker();
    await worker.start();
    await using one = await Socket.open(`${server.webSocketUrl}/ws/asking`);
    await using two = await Socket.open(`${server.webSocketUrl}/ws/asking`);
    one.send({ n: 2 });
    two.send({ n: 3 });
    expect([await one.next(), await two.next()]).toEqual([4, 9]);
  });

  test("is closed by its channel's name, with a code and a reason", async () => {
    await using server = await serve(() => ({ routes: [member] }));
    await using one = await Socket.open(`${server.webSocketUrl}/ws/member`);
    await using two = await Socket.open(`${server.webSocketUrl}/ws/member`);
    await two.next();
    await server.app.closeConnection(String(await one.next()), { code: 4001, reason: "moved" });
    expect(await one.closed).toEqual({ code: 4001, reason: "moved" });
    expect(two.raw.readyState).toBe(two.raw.OPEN);
  });

  test("is not closed with a code that must not be sent", async () => {
    await using server = await serve(() => ({ routes: [member] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/member`);
    const channel = String(await socket.next());
    await server.app.layer.send(channel, { type: "tidings.close", code: 1006, reason: "" });
    for (const code of [1006, 999, 5000, 3000.5, Number.NaN]) {
      await expect(server.app.closeConnection(channel, { code })).rejects.toThrow(
        "expected `code` to be 1000, 1008, or 3000 to 4999",
      );
      await expect(server.app.closeUser("ada", { code })).rejects.toMatchObject({
        code: "OPTION_INVALID",
      });
    }
    await server.app.closeConnection(channel, { code: 1000 });
    expect((await socket.closed).code).toBe(1000);
  });

  test("is closed with all others of its user, and nobody else's", async () => {
    const ended: [string, number, string][] = [];
    const noted = consumer({
      path: "/ws/noted",
      connect: (connection) => connection.send("welcome"),
      disconnect: ({ user }, { code, reason }) => void ended.push([user?.name ?? "", code, reason]),
    });
    await using server = await serve(() => ({ routes: [use([asNamed], [noted, ticks])] }));
    const url = `${server.webSocketUrl}/ws/noted`;
    await using ada = await Socket.open(`${url}?name=ada`);
    await using adaAgain = await Socket.open(`${url}?name=ada`);
    await using grace = await Socket.open(`${url}?name=grace`);
    await using feedOfAda = await Socket.open(`${server.webSocketUrl}/ticks?name=ada`);
    const stream = await fetch(`${server.url}/ticks?name=ada`, {
      headers: { accept: "text/event-stream" },
    });
    const { cursor } = (await (await fetch(`${server.url}/ticks`)).json()) as { cursor: string };
    const waiting = fetch(`${server.url}/ticks?name=ada&cursor=${cursor}`, {
      headers: { prefer: "wait=50" },
    });
    await Promise.all([ada, adaAgain, grace, feedOfAda].map((socket) => socket.next()));
    await expect.poll(() => server.server.connectionCount).toBe(6);
    await server.app.closeUser("ada", { reason: "signed out" });
    for (const socket of [ada, adaAgain, feedOfAda]) {
      expect(await socket.closed).toEqual({ code: 3000, reason: "signed out" });
    }
    await expect(stream.text()).resolves.toContain("data: 0");
    // Whoever asks again is asked who they are.
    expect(await (await waiting).json()).toEqual({ cursor, events: [] });
    expect(grace.raw.readyState).toBe(grace.raw.OPEN);
    const end = ["ada", 3000, "signed out"];
    await expect.poll(() => ended).toEqual([end, end]);
  });
});

describe("a user with an id", () => {
  test("is closed by that id, as number or text, and not by who has another's id as a name", async () => {
    const identified: Middleware = (context) => {
      const query = new URL(context.request.url).searchParams;
      const id = query.get("id");
      const name = query.get("name") ?? "";
      context.user = id === null ? { name } : Object.assign({ name }, { id: Number(id) });
    };
    await using server = await serve(() => ({ routes: [use([identified], [member])] }));
    const url = `${server.webSocketUrl}/ws/member`;
    await using ada = await Socket.open(`${url}?name=2&id=1`);
    await using adaAgain = await Socket.open(`${url}?name=ada&id=1`);
    await using grace = await Socket.open(`${url}?name=grace&id=2`);
    await Promise.all([ada, adaAgain, grace].map((socket) => socket.next()));
    await server.app.closeUser(2, { reason: "two" });
    expect(await grace.closed).toEqual({ code: 3000, reason: "two" });
    expect(ada.raw.readyState).toBe(ada.raw.OPEN);
    await server.app.closeUser("1", { reason: "one" });
    expect(await ada.closed).toEqual({ code: 3000, reason: "one" });
    expect(await adaAgain.closed).toEqual({ code: 3000, reason: "one" });
  });
});

describe("a connection whose credentials end", () => {
  /** Lets in whoever has a pass, for as long as it says. */
  function passes(): { readonly valid: Map<string, number>; readonly guard: Middleware } {
    const valid = new Map<string, number>();
    return {
      valid,
      guard: (context) => {
        const name = new URL(context.request.url).searchParams.get("name") ?? "";
        const until = valid.get(name);
        if (until === undefined) return new Response("no pass", { status: 401 });
        context.user = { name };
        context.expireAt(until);
        return undefined;
      },
    };
  }

  test("goes on when they have been renewed, else is closed with 3000, whatever carries it", async () => {
    const clock = stopClock();
    const { valid, guard } = passes();
    const end = Date.now() + 60_000;
    for (const name of ["ada", "grace", "joan"]) valid.set(name, end);
    const who = consumer({
      path: "/ws/who",
      receives: z.literal("who"),
      receive: (connection) => connection.send(connection.user?.name),
    });
    await using server = await serve(() => ({ routes: [use([guard], [who, ticks])] }));
    const url = `${server.webSocketUrl}/ws/who`;
    await using ada = await Socket.open(`${url}?name=ada`);
    await using grace = await Socket.open(`${url}?name=grace`);
    await using feedOfGrace = await Socket.open(`${server.webSocketUrl}/ticks?name=grace`);
    await using joan = await Socket.open(`${url}?name=joan`);
    const stream = await fetch(`${server.url}/ticks?name=grace`, {
      headers: { accept: "text/event-stream" },
    });
    valid.set("ada", end + 60_000);
    valid.delete("grace");
    clock.advance(60_000);
    for (const socket of [grace, feedOfGrace, joan]) {
      expect(await socket.closed).toEqual({ code: 3000, reason: "credentials have ended" });
    }
    await stream.text();
    const again = await fetch(`${server.url}/ticks?name=grace`);
    expect(again.status).toBe(401);
    ada.send("who");
    expect(await ada.next()).toBe("ada");
  });

  test("is closed with 1011 when nobody can say whether they have", async () => {
    const clock = stopClock();
    let isBroken = false;
    const shaky: Middleware = (context) => {
      if (isBroken) throw new Error("the store is away");
      context.expireAt(Date.now() + 60_000);
    };
    await using server = await serve(() => ({ routes: [use([shaky], [member])] }));
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/member`);
    isBroken = true;
    clock.advance(60_000);
    expect((await socket.closed).code).toBe(1011);
    expect(server.log).toMatchObject([{ fields: { err: { message: "the store is away" } } }]);
  });
});
