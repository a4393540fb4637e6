import { consumer, feed, forward, refresh, taskFeed, type TaskRecord } from "tidings";
import {
  connect,
  follow,
  followTask,
  TRANSPORTS,
  type FollowedTask,
  type StatusChange,
} from "tidings/client";
import { describe, expect, expectTypeOf, onTestFinished, test } from "vitest";
import { z } from "zod";

import { serve, type TestServer } from "./serve.ts";

/** A list that its feed follows. */
function makeList() {
  const items = ["first"];
  const list = feed({
    path: "/list",
    group: "list",
    snapshot: () => [...items],
    on: { "list.changed": refresh() },
  });
  return {
    list,
    async add(server: TestServer, item: string): Promise<void> {
      items.push(item);
      await server.app.layer.groupSend("list", { type: "list.changed" });
    },
  };
}

describe.each(TRANSPORTS)("follow over %s", (transport) => {
  test("hears a feed of the server, and goes on from its cursor", async () => {
    const { list, add } = makeList();
    await using server = await serve(() => ({ routes: [list] }));
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const options = { transport, pollMs: 10, signal: abort.signal };
    const events = follow<typeof list>(`${server.url}/list`, options);
    const first = (await events.next()).value;
    expect(first?.data).toEqual(["first"]);
    await add(server, "second");
    const second = (await events.next()).value;
    expect(second?.data).toEqual(["first", "second"]);
    const again = follow<typeof list>(`${server.url}/list`, { ...options, cursor: first?.cursor });
    expect((await again.next()).value).toEqual(second);
    abort.abort();
    expect((await events.next()).done).toBe(true);
    expect((await again.next()).done).toBe(true);
  });

  test("ends when the feed does", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const brief = feed({
      path: "/brief",
      async *events() {
        yield { data: 1 };
        await gate;
        yield { data: 2 };
      },
    });
    await using server = await serve(() => ({ routes: [brief] }));
    const heard: number[] = [];
    for await (const { data } of follow<typeof brief>(`${server.url}/brief`, {
      transport,
      pollMs: 10,
    })) {
      heard.push(data);
      open();
    }
    expect(heard.at(-1)).toBe(2);
    expect(heard).toEqual([1, 2]);
  });

  test("is told why when it may not follow", async () => {
    const secret = feed({ path: "/secret", snapshot: () => 1, authorize: () => false });
    await using server = await serve(() => ({ routes: [secret] }));
    const events = follow(`${server.url}/secret`, { transport });
    await expect(events.next()).rejects.toMatchObject({ code: "REQUEST_UNAUTHENTICATED" });
    const nothing = follow(`${server.url}/nothing`, { transport });
    await expect(nothing.next()).rejects.toMatchObject({ code: "REQUEST_NOT_FOUND" });
  });
});

describe("connect", () => {
  test("talks with a consumer", async () => {
    const echo = consumer({
      path: "/echo",
      receives: z.object({ text: z.string() }),
      events: { said: z.object({ text: z.string() }) },
      async connect(connection) {
        await connection.groupAdd("echo");
      },
      async receive(connection, { text }) {
        await connection.groupSend("echo", { type: "said", text });
      },
      on: { said: forward() },
    });
    await using server = await serve(() => ({ routes: [echo] }));
    const room = connect<typeof echo>(`${server.url}/echo`);
    onTestFinished(() => room.close());
    const heard = new Promise<string>((resolve) => room.on("said", ({ text }) => resolve(text)));
    await room.send({ text: "hello" });
    expect(await heard).toBe("hello");
    await expect(room.send({ text: 5 as never })).rejects.toMatchObject({
      code: "MESSAGE_INVALID",
      cause: { issues: [{ path: "text" }] },
    });
    expect(room.status).toBe("open");
  });

  test.each([
    [4401, { code: 4401, reason: "sign in first" }],
    [1008, { code: 1008, reason: "sign in first" }],
  ])("stays away when it is rejected with %d", async (code, expected) => {
    const closed = consumer({
      path: "/closed",
      connect: (connection) => connection.reject(code, "sign in first"),
    });
    await using server = await serve(() => ({ routes: [closed] }));
    const change = await new Promise<StatusChange>((resolve) => {
      connect(`${server.url}/closed`, {
        onStatus: (now) => {
          if (now.status === "closed") resolve(now);
        },
      });
    });
    expect(change).toEqual({ status: "closed", transport: "websocket", ...expected });
  });
});

describe("followTask", () => {
  test("yields the record of a task, of the same type as on the server (PROTOCOL.md 12.1)", async () => {
    expectTypeOf<TaskRecord>().toExtend<FollowedTask>();
    expectTypeOf<FollowedTask>().toExtend<TaskRecord>();
    await using server = await serve((app) => {
      app.task("add", (one: number, other: number) => one + other);
      return { routes: [taskFeed(app)] };
    });
    const records = followTask("an id/1", { address: `${server.url}/tasks` });
    expect((await records.next()).value).toMatchObject({ id: "an id/1", state: "PENDING" });
    await server.app.sendTask("add", [1, 2], { taskId: "an id/1" });
    await using worker = server.app.tasks.createWorker({});
    await worker.start();
    const heard: FollowedTask[] = [];
    for await (const record of records) heard.push(record);
    expect(heard.at(-1)).toMatchObject({ state: "SUCCESS", result: 3, runs: 1 });
  });

  test("yields as JSON what a task returned that JSON cannot carry", async () => {
    await using server = await serve((app) => {
      app.task("odd", () => [2n ** 70n, new Uint8Array([255]), new Date(5), Number.NaN]);
      return { routes: [taskFeed(app)] };
    });
    await using worker = server.app.tasks.createWorker({});
    await worker.start();
    const { id } = await server.app.sendTask("odd");
    let last: FollowedTask | undefined;
    for await (const record of followTask(id, { address: `${server.url}/tasks` })) last = record;
    expect(last?.result).toEqual([String(2n ** 70n), "/w==", new Date(5).toJSON(), null]);
  });
});
