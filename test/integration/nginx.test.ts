import { consumer, feed, forward, use, type ConsumerDefinition, type Middleware } from "tidings";
import { MemoryHistory } from "tidings/history";
import { MemoryLayer } from "tidings/layers";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";

import { startConsumerHome } from "../redis/consumer-home.ts";
import { Crowd } from "../redis/crowd.ts";
import { ROUTES } from "../redis/numbers.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { ConsumerEvents, pollConsumer, post } from "./consumer-client.ts";
import { Nginx } from "./nginx.ts";
import { serve, type TestServer } from "./serve.ts";
import { Socket } from "./socket.ts";
import { openStream } from "./stream.ts";

const said = z.object({ text: z.string() });
const room: ConsumerDefinition = consumer({
  path: "/room",
  receives: said,
  events: { said },
  connect: (connection) => connection.groupAdd("room"),
  receive: (connection, { text }) => connection.groupSend("room", { type: "said", text }),
  on: { said: forward(({ text }: { readonly type: string; readonly text?: string }) => text) },
});
const tail = feed({ path: "/tail", group: "room", snapshot: () => "now" });

/** Two servers behind a proxy that asks them in turn, and how often each was asked. */
async function serveBehindNginx(directives?: string, limits = {}) {
  const stack = new AsyncDisposableStack();
  const layer = new MemoryLayer();
  const history = new MemoryHistory();
  const asked = [0, 0];
  const start = async (index: number): Promise<TestServer> => {
    const count: Middleware = () => void (asked[index] = (asked[index] ?? 0) + 1);
    const routes = [use([count], [room, tail, ...ROUTES])];
    return stack.use(await serve(() => ({ routes }), limits, { drivers: { layer, history } }));
  };
  const servers = [await start(0), await start(1)];
  const nginx = stack.use(
    await Nginx.start(
      servers.map(({ url }) => url),
      directives,
    ),
  );
  return {
    asked,
    layer,
    app: servers[0]?.app,
    url: nginx.url,
    [Symbol.asyncDispose]: async (): Promise<void> => await stack.disposeAsync(),
  };
}

/** Reads what a room's connection is sent: the connection's id, and the next text. */
interface Reader extends AsyncDisposable {
  readonly connection: string;
  next(): Promise<unknown>;
}

const readers: Readonly<Record<string, (url: string) => Promise<Reader>>> = {
  "a WebSocket": async (url) => {
    const socket = await Socket.open(`${url.replace("http", "ws")}?connection=`, ["tidings.v1"]);
    const { connection } = (await socket.next()) as { connection: string };
    return {
      connection,
      next: async () => ((await socket.next()) as { data: unknown }).data,
      [Symbol.asyncDispose]: async () => await socket[Symbol.asyncDispose](),
    };
  },
  "server-sent events": async (url) => await ConsumerEvents.open(url),
  "lines of JSON": async (url) => {
    const stream = await openStream(url, { accept: "application/x-ndjson" });
    const next = async (): Promise<{ connection: string; data: unknown }> => {
      for (;;) {
        const line = await stream.until("\n");
        if (line !== "\n") return JSON.parse(line);
      }
    };
    const { connection } = await next();
    return {
      connection,
      next: async () => (await next()).data,
      [Symbol.asyncDispose]: async () => await stream[Symbol.asyncDispose](),
    };
  },
  "long polls": async (url) => await readByPolling(url, { prefer: "wait=10" }),
  polls: async (url) => await readByPolling(url, {}),
};

async function readByPolling(url: string, headers: Record<string, string>): Promise<Reader> {
  const { connection, cursor: begin } = await pollConsumer(url, undefined, headers);
  const texts: unknown[] = [];
  let cursor = begin;
  return {
    connection,
    async next() {
      while (texts.length === 0) {
        const page = await pollConsumer(url, cursor, headers);
        expect([page.connection, page.reset]).toEqual([connection, undefined]);
        texts.push(...page.events.map(({ data }) => data));
        ({ cursor } = page);
      }
      return texts.shift();
    },
    async [Symbol.asyncDispose]() {},
  };
}

describe("two processes behind nginx, asked in turn", () => {
  const stack = new AsyncDisposableStack();
  let url: string;
  beforeAll(async () => {
    const redis = stack.use(await RedisServer.start());
    const homes = await Promise.all([redis.url, redis.url].map(startConsumerHome));
    for (const home of homes) stack.use(home);
    // Says which of them has answered.
    const directives = "add_header x-answered-by $upstream_addr;";
    const nginx = await Nginx.start(
      homes.map((home) => home.url),
      directives,
    );
    url = `${stack.use(nginx).url}/room`;
  });
  afterAll(async () => await stack.disposeAsync());

  test.each(Object.entries(readers))(
    "carry a consumer over %s (PROTOCOL.md 10.2)",
    async (_, open) => {
      await using reader = await open(url);
      const named = `${url}?connection=${reader.connection}`;
      const answeredBy = new Set<string | null>();
      for (let n = 0; n < 6; n++) {
        const body = { id: n, data: { text: `${n}` } };
        const answer = await post(named, body);
        answeredBy.add(answer.headers.get("x-answered-by"));
        expect(await answer.json()).toEqual({ answers: [{ ack: n }] });
        expect(await reader.next()).toEqual({ type: "said", text: `${n}` });
        // Its answer was lost, as far as the client knows.
        const again = await post(named, body);
        answeredBy.add(again.headers.get("x-answered-by"));
        expect(again.status).toBe(200);
      }
      await post(named, { data: { text: "end" } });
      expect(await reader.next()).toEqual({ type: "said", text: "end" });
      expect(answeredBy.size).toBe(2);
    },
  );
});

test("streams are not held back by nginx, and signs of life keep them open", async () => {
  await using site = await serveBehindNginx("proxy_read_timeout 3s;", { heartbeatMs: 200 });
  await using events = await ConsumerEvents.open(`${site.url}/room`);
  await using followed = await openStream(`${site.url}/tail`, { accept: "application/x-ndjson" });
  await using socket = await Socket.open(`${site.url.replace("http", "ws")}/room`);
  const from = Date.now();
  await expect.poll(() => Date.now() - from).toBeGreaterThan(3_500);
  await site.layer.groupSend("room", { type: "said", text: "still there" });
  expect(await socket.next()).toBe("still there");
  expect(await events.next()).toBe("still there");
  expect(await followed.until("still there")).toContain("now");
});

test("an nginx that cuts off whoever hears nothing for a while costs nobody anything, on any transport", async () => {
  await using site = await serveBehindNginx("proxy_read_timeout 500ms;");
  vi.spyOn(Math, "random").mockReturnValue(0.05);
  await using crowd = new Crowd([site.url]);
  await crowd.has(0);
  const requests = (): number => site.asked.reduce((sum, count) => sum + count);
  for (let n = 1; n <= 4; n++) {
    const before = requests();
    // Everybody has come back, the polls among them rather often.
    await expect.poll(requests).toBeGreaterThan(before + 20);
    await site.app?.groupSend("numbers", { type: "number", n }, { history: true });
  }
  await crowd.has(4);
  for (const { name, received, resets } of crowd.listeners) {
    expect(received, name).toEqual([1, 2, 3, 4]);
    expect(resets, name).toEqual([]);
  }
});
