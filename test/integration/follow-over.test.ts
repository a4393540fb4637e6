import { feed, feedConnection, forward, taskFeed, use, type App, type RouteContext } from "tidings";
import {
  connectFeeds,
  follow,
  followTask,
  TRANSPORTS,
  type FeedsConnection,
  type FollowOptions,
  type StatusChange,
  type TrafficTotals,
} from "tidings/client";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { serve, type TestServer } from "./serve.ts";
import { WeakLine } from "./weak-line.ts";

const NAMES = ["a", "b", "c", "d", "e"];

const numbers = feed({
  path: "/numbers/:name",
  group: ({ name }) => name,
  snapshot: () => 0,
  on: { number: forward(({ number }) => number) },
});

function routes(app: App) {
  const secret = feed({ path: "/secret", snapshot: () => 1, authorize: () => false });
  return { routes: [numbers, secret, taskFeed(app), feedConnection()] };
}

async function tell(server: TestServer, number: number): Promise<void> {
  for (const name of NAMES) await server.app.groupSend(name, { type: "number", number });
}

/** Follows, and keeps what comes. */
function hear(url: string, options: FollowOptions) {
  const left = new AbortController();
  onTestFinished(() => left.abort());
  const heard: unknown[] = [];
  const resets: unknown[] = [];
  const done = (async () => {
    for await (const { data, reset } of follow(url, { ...options, signal: left.signal })) {
      heard.push(data);
      if (reset) resets.push(reset);
    }
  })();
  done.catch(() => {});
  return { heard, resets, done, left };
}

function hearAll(url: string, over: FeedsConnection) {
  return NAMES.map((name) => hear(`${url}/numbers/${name}`, { over }));
}

describe.each(TRANSPORTS)("five feeds and a task over one connection, over %s", (transport) => {
  test("go on when the line is cut: nothing is lost or repeated (PROTOCOL.md 11.6)", async () => {
    await using server = await serve(routes);
    await using line = await WeakLine.to(server.server.port);
    const over = connectFeeds(`${line.url}/feeds`, { transport, pollMs: 10 });
    const feeds = hearAll(line.url, over);
    const all = (count: number) => NAMES.map(() => Array.from({ length: count }, (_, n) => n));
    const heard = () => feeds.map((each) => each.heard);
    const task = followTask("unknown", { address: `${line.url}/tasks/`, over });
    expect((await task.next()).value).toMatchObject({ id: "unknown", state: "PENDING" });
    await expect.poll(heard).toEqual(all(1));
    await tell(server, 1);
    await expect.poll(heard).toEqual(all(2));
    line.isDeaf = true;
    await tell(server, 2);
    line.cut();
    await tell(server, 3);
    await expect.poll(heard).toEqual(all(4));
    expect(feeds.flatMap(({ resets }) => resets)).toEqual([]);
    // What carries messages up may be another one for a moment, over HTTP.
    await expect.poll(() => line.lines).toBeLessThanOrEqual(transport === "websocket" ? 1 : 2);
    await task.return();
  });
});

describe("feeds over one connection", () => {
  test("go on behind their own last events when the connection is gone (PROTOCOL.md 11.6)", async () => {
    await using server = await serve(routes, { resumeMs: 1 });
    await using line = await WeakLine.to(server.server.port);
    const feeds = hearAll(line.url, connectFeeds(`${line.url}/feeds`));
    await expect.poll(() => feeds.map(({ heard }) => heard)).toEqual(NAMES.map(() => [0]));
    await tell(server, 1);
    await expect.poll(() => feeds.map(({ heard }) => heard)).toEqual(NAMES.map(() => [0, 1]));
    line.cut();
    await tell(server, 2);
    await expect.poll(() => feeds.map(({ heard }) => heard)).toEqual(NAMES.map(() => [0, 1, 2]));
    expect(feeds.flatMap(({ resets }) => resets)).toEqual([]);
  });

  test("are asked for again when their connection is another one between two polls", async () => {
    let gate: Promise<void> | undefined;
    const wait = async ({ request }: RouteContext) => {
      if (request.method === "GET") await gate;
    };
    await using server = await serve(
      () => ({ routes: [numbers, use([wait], [feedConnection()])] }),
      { resumeMs: 100 },
    );
    const over = connectFeeds(`${server.url}/feeds`, { transport: "poll", pollMs: 10 });
    const { heard, resets } = hear(`${server.url}/numbers/a`, { over });
    await expect.poll(() => heard).toEqual([0]);
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    await expect.poll(() => server.server.connectionCount).toBe(0);
    await tell(server, 1);
    resolve();
    gate = undefined;
    await expect.poll(() => heard).toEqual([0, 1]);
    expect(resets).toEqual([]);
  });

  test("are named from the address of the connection where there is no page", async () => {
    await using server = await serve(routes);
    const over = connectFeeds(`${server.url}/feeds`);
    const { heard } = hear("/numbers/a", { over });
    await expect.poll(() => heard).toEqual([0]);
    const task = followTask("unknown", { over });
    expect((await task.next()).value).toMatchObject({ id: "unknown", state: "PENDING" });
    await task.return();
  });

  test("say what carries them, also when the connection chooses another transport", async () => {
    await using server = await serve(routes);
    await using line = await WeakLine.to(server.server.port);
    line.isWithoutUpgrades = true;
    const statuses: string[] = [];
    const onStatus = ({ status, transport }: StatusChange): void =>
      void statuses.push(`${status} ${transport}`);
    const over = connectFeeds(`${line.url}/feeds`);
    const { heard } = hear("/numbers/a", { over, onStatus });
    const all = ["connecting websocket", "connecting sse", "open sse"];
    await expect.poll(() => statuses).toEqual(all);
    await expect.poll(() => heard).toEqual([0]);
    statuses.length = 0;
    const late = hear("/numbers/b", { over, onStatus });
    await expect.poll(() => statuses).toEqual(["connecting sse", "open sse"]);
    await expect.poll(() => late.heard).toEqual([0]);
  });

  test.each(["websocket", "sse"] as const)(
    "tell what their connection costs, over %s",
    async (transport) => {
      await using server = await serve(routes);
      let last: TrafficTotals | undefined;
      const onTraffic = (totals: TrafficTotals): void => void (last = totals);
      const over = connectFeeds(`${server.url}/feeds`, { transport, onTraffic });
      const feeds = hearAll("", over);
      await expect.poll(() => feeds.map(({ heard }) => heard)).toEqual(NAMES.map(() => [0]));
      const before = last;
      expect(before?.requests).toBeGreaterThanOrEqual(1);
      // Each feed was asked for by its name.
      expect(before?.bytesSent).toBeGreaterThan(NAMES.length * '{"id":1,"data":{}}'.length);
      await tell(server, 1);
      await expect.poll(() => feeds.map(({ heard }) => heard)).toEqual(NAMES.map(() => [0, 1]));
      await expect.poll(() => last?.bytesReceived).toBeGreaterThan(before?.bytesReceived ?? NaN);
      expect(last?.requests).toBe(before?.requests);
    },
  );

  test.each([
    { transport: "sse" },
    { pollMs: 10 },
    { token: () => "" },
    { onTraffic: () => {} },
  ] as const)("leave to their connection what is its own: %j", (options) => {
    const over = connectFeeds("http://127.0.0.1/feeds");
    expect(() => follow("/numbers/a", { over, ...options })).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID" }),
    );
  });

  test("one that is refused ends by itself, and says why", async () => {
    await using server = await serve(routes);
    const over = connectFeeds(`${server.url}/feeds`);
    const a = hear(`${server.url}/numbers/a`, { over });
    await expect(hear(`${server.url}/secret`, { over }).done).rejects.toMatchObject({
      code: "REQUEST_UNAUTHENTICATED",
      message: "sign in to follow this feed",
    });
    expect(() => follow("http://elsewhere.example/list", { over })).toThrow(
      `expected a feed of ${server.url}`,
    );
    await tell(server, 1);
    await expect.poll(() => a.heard).toEqual([0, 1]);
  });

  test("a slow reader holds nobody up, and loses nothing", async () => {
    let asked = 0;
    const guard = () => void (asked += 1);
    await using server = await serve(() => ({
      // So that a feed which is followed anew has been left before.
      routes: [use([guard], [numbers]), feedConnection({ maxFeeds: 2 })],
    }));
    const over = connectFeeds(`${server.url}/feeds`);
    const slow = follow(`${server.url}/numbers/a`, { over, maxBuffered: 2 });
    onTestFinished(async () => void (await slow.return()));
    expect((await slow.next()).value).toMatchObject({ data: 0 });
    const quick = hear(`${server.url}/numbers/b`, { over });
    await expect.poll(() => quick.heard).toEqual([0]);
    for (let number = 1; number <= 9; number++) await tell(server, number);
    await expect.poll(() => quick.heard).toHaveLength(10);
    for (let number = 1; number <= 9; number++) {
      expect((await slow.next()).value).toMatchObject({ data: number });
    }
    // What did not fit was asked for again.
    expect(asked).toBeGreaterThan(2);
  });

  test("begin a connection with fresh credentials when those of the old one are refused (PROTOCOL.md 11.4)", async () => {
    const presented: unknown[] = [];
    const mine = feed({
      path: "/mine",
      snapshot: () => "mine",
      authorize: ({ request }) => {
        presented.push(request.headers.get("authorization"));
        return presented.at(-1) === "Bearer new";
      },
    });
    await using server = await serve(() => ({ routes: [numbers, mine, feedConnection()] }));
    let token = "old";
    const over = connectFeeds(`${server.url}/feeds`, { transport: "sse", token: () => token });
    const a = hear(`${server.url}/numbers/a`, { over });
    await expect.poll(() => a.heard).toEqual([0]);
    const refused = hear(`${server.url}/mine`, { over });
    await expect(refused.done).rejects.toMatchObject({ code: "REQUEST_UNAUTHENTICATED" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 6_000 });
    onTestFinished(() => void vi.useRealTimers());
    token = "new";
    const { heard } = hear(`${server.url}/mine`, { over });
    await expect.poll(() => heard).toEqual(["mine"]);
    expect(presented).toEqual(["Bearer old", "Bearer old", "Bearer new"]);
    await tell(server, 1);
    await expect.poll(() => a.heard).toEqual([0, 1]);
    expect(a.resets).toEqual([]);
  });

  test("tell the status of their connection, and fail with it", async () => {
    await using server = await serve(() => ({ routes: [numbers] }));
    const changes: StatusChange[] = [];
    const over = connectFeeds(`${server.url}/feeds`, { transport: "sse" });
    const onStatus = (change: StatusChange): void => void changes.push(change);
    const { done } = hear(`${server.url}/numbers/a`, { over, onStatus });
    await expect(done).rejects.toMatchObject({ code: "REQUEST_NOT_FOUND" });
    expect(changes).toMatchObject([{ status: "connecting" }, { status: "closed", code: 4404 }]);
  });

  test("are open again when their connection is, which is closed when nobody needs it", async () => {
    await using server = await serve(routes);
    await using line = await WeakLine.to(server.server.port);
    const statuses: string[] = [];
    let last: string | undefined;
    const over = connectFeeds(`${line.url}/feeds`, {
      transport: "sse",
      onStatus: ({ status }) => (last = status),
    });
    const onStatus = ({ status, transport }: StatusChange): void =>
      void statuses.push(`${status} ${transport}`);
    const { heard, left, done } = hear(`${line.url}/numbers/a`, { over, onStatus });
    await expect.poll(() => heard).toEqual([0]);
    line.cut();
    const all = ["connecting sse", "open sse", "waiting sse", "connecting sse", "open sse"];
    await expect.poll(() => statuses).toEqual(all);
    left.abort();
    await done;
    await expect.poll(() => last).toBe("closed");
  });
});
