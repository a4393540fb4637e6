import { consumer, feed, httpConsumer } from "tidings";
import { describe, expect, test } from "vitest";

import { RedisServer } from "../redis/redis-server.ts";
import { serve, type TestServer } from "./serve.ts";
import { Socket } from "./socket.ts";
import { openStream } from "./stream.ts";

async function ask(server: TestServer, path: string): Promise<[number, unknown]> {
  const response = await fetch(server.url + path);
  const body = response.headers.get("content-type")?.includes("json")
    ? await response.json()
    : await response.text();
  return [response.status, body];
}

const notFound = (): Response => new Response("nothing", { status: 404 });

describe("a server", () => {
  test("says that it lives and that it is ready, where the application has nothing", async () => {
    for (const http of [undefined, notFound]) {
      await using server = await serve(() => ({ http }));
      expect(await ask(server, "/healthz")).toEqual([200, { status: "ok" }]);
      expect(await ask(server, "/readyz")).toEqual([200, { status: "ready" }]);
      expect((await fetch(`${server.url}/readyz`, { method: "HEAD" })).status).toBe(200);
      expect((await fetch(`${server.url}/readyz`, { method: "POST" })).status).toBe(404);
    }
  });

  test("leaves a route or a page of the application alone", async () => {
    const own = httpConsumer({ path: "/healthz", handle: () => new Response("my own") });
    const pages = (): Response => new Response("my page");
    await using server = await serve(() => ({ routes: [own], http: pages }));
    expect(await ask(server, "/healthz")).toEqual([200, "my own"]);
    expect(await ask(server, "/readyz")).toEqual([200, "my page"]);
  });

  test("puts a path that was named before the pages, and turns both off when told to", async () => {
    const pages = (): Response => new Response("my page");
    const health = { readyPath: "/-/ready" };
    await using server = await serve(() => ({ http: pages }), {}, { health });
    expect(await ask(server, "/-/ready")).toEqual([200, { status: "ready" }]);
    await using silent = await serve(() => ({}), {}, { health: false });
    expect(await ask(silent, "/healthz")).toMatchObject([404, { error: {} }]);
  });

  test("is not ready while something that it needs is not available", async () => {
    let reason: string | undefined = "no disk";
    const checks = {
      disk: () => reason,
      broken: () => {
        if (reason) throw new Error("secret");
        return undefined;
      },
    };
    await using server = await serve(() => ({}), {}, { health: { checks } });
    const reasons = ["disk: no disk", "broken: failed"];
    expect(await ask(server, "/readyz")).toEqual([503, { status: "unavailable", reasons }]);
    expect(await ask(server, "/healthz")).toEqual([200, { status: "ok" }]);
    reason = undefined;
    expect(await ask(server, "/readyz")).toEqual([200, { status: "ready" }]);
  });

  test("is not ready while the Redis of a layer is away", async () => {
    await using redis = await RedisServer.start();
    const quiet = { url: redis.url, commandTimeoutMs: 1_000 };
    await using server = await serve(() => ({}), {}, { drivers: { layers: { quiet } } });
    await expect.poll(() => ask(server, "/readyz")).toEqual([200, { status: "ready" }]);
    await redis.kill();
    const [status, body] = await ask(server, "/readyz");
    expect([status, JSON.stringify(body)]).toEqual([503, expect.stringContaining("layer quiet: ")]);
    await redis.start();
    await expect.poll(() => ask(server, "/readyz")).toEqual([200, { status: "ready" }]);
  });

  test("says that it is draining for as long as it goes on taking requests", async () => {
    const still = feed({ path: "/still", snapshot: () => 1 });
    await using server = await serve(() => ({ routes: [still] }), {}, { drainDelayMs: 60_000 });
    const patience = new AbortController();
    const stopped = server.server.stop({ signal: patience.signal });
    expect(await ask(server, "/readyz")).toEqual([
      503,
      { status: "unavailable", reasons: ["draining"] },
    ]);
    expect((await fetch(`${server.url}/still`)).status).toBe(200);
    patience.abort();
    await stopped;
    await expect(fetch(`${server.url}/readyz`)).rejects.toThrow("fetch failed");
    await using brief = await serve(() => ({}), {}, { drainDelayMs: 20 });
    await brief.server.stop();
    expect(brief.server.state).toBe("stopped");
  });

  test("is told to be healthy by anybody, however many are connected", async () => {
    const quiet = consumer({ path: "/ws/quiet" });
    await using server = await serve(() => ({ routes: [quiet] }), { maxConnections: 1 });
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/quiet`);
    expect(socket.raw.readyState).toBe(socket.raw.OPEN);
    expect(await ask(server, "/readyz")).toEqual([200, { status: "ready" }]);
  });
});

describe("a server that drains", () => {
  const quiet = consumer({ path: "/ws/quiet" });

  test("tells its clients to come back one after another, not all at once", async () => {
    await using server = await serve(() => ({ routes: [quiet] }), {}, { drainSpreadMs: 1_500 });
    const url = `${server.webSocketUrl}/ws/quiet`;
    const sockets = await Promise.all(Array.from({ length: 150 }, () => Socket.open(url)));
    const startedAt = performance.now();
    const times = sockets.map(async ({ closed }) => {
      expect((await closed).code).toBe(1001);
      return performance.now() - startedAt;
    });
    await server.server.stop();
    const closedAt = (await Promise.all(times)).toSorted((a, b) => a - b);
    const [early = NaN, half = NaN, last = NaN] = [25, 75, 149].map((index) => closedAt[index]);
    expect(half).toBeGreaterThan(500);
    expect(last).toBeGreaterThan(1_250);
    expect(last - early).toBeGreaterThan(250);
  });

  test("does not keep a few clients waiting", async () => {
    // Longer than any test may take.
    await using server = await serve(() => ({ routes: [quiet] }), {}, { drainSpreadMs: 600_000 });
    const url = `${server.webSocketUrl}/ws/quiet`;
    const sockets = await Promise.all(Array.from({ length: 5 }, () => Socket.open(url)));
    await server.server.stop();
    const codes = await Promise.all(sockets.map(async ({ closed }) => (await closed).code));
    expect(new Set(codes)).toEqual(new Set([1001]));
  });

  test("is done when its time is over, however long the spread", async () => {
    await using server = await serve(() => ({ routes: [quiet] }), {}, { drainSpreadMs: 60_000 });
    const url = `${server.webSocketUrl}/ws/quiet`;
    const sockets = await Promise.all(Array.from({ length: 200 }, () => Socket.open(url)));
    const patience = new AbortController();
    void Promise.race(sockets.map(({ closed }) => closed)).then(() => patience.abort());
    await server.server.stop({ signal: patience.signal });
    const codes = await Promise.all(sockets.map(async ({ closed }) => (await closed).code));
    expect(new Set(codes)).toEqual(new Set([1001, 1006]));
  });

  test("tells event streams when to come back, each at another time", async () => {
    const still = feed({ path: "/still", snapshot: () => 1 });
    await using server = await serve(() => ({ routes: [still] }));
    const streams = await Promise.all(
      Array.from({ length: 5 }, () =>
        openStream(`${server.url}/still`, { accept: "text/event-stream" }),
      ),
    );
    for (const stream of streams) await stream.until("data: 1\n\n");
    const stopped = server.server.stop();
    const fields = await Promise.all(streams.map(async (stream) => await stream.until("\n\n")));
    await stopped;
    const retries = fields.map((field) => Number(/^retry: (\d+)\n\n$/.exec(field)?.[1]));
    expect(new Set(retries).size).toBeGreaterThan(1);
    expect(retries.every((retry) => retry >= 1_000 && retry <= 2_000)).toBe(true);
  });
});
