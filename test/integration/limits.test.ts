import { once } from "node:events";
import { connect, type Socket as TcpSocket } from "node:net";

import { consumer, feed, use, type Middleware } from "tidings";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { eventually } from "../redis/eventually.ts";
import { serve, type TestServer } from "./serve.ts";
import { refusedHandshake, Socket } from "./socket.ts";
import { openStream } from "./stream.ts";

const echo = consumer({
  path: "/ws/echo",
  receives: z.string(),
  receive: (connection, text) => connection.send(text),
});
const still = feed({ path: "/still", snapshot: () => 1 });
const SSE = { accept: "text/event-stream" };

/** Clients say who they are, and which address a proxy saw. */
const whoTheySay: Middleware = (context) => {
  const name = context.request.headers.get("x-user");
  if (name === "nobody") return new Response("no", { status: 403 });
  context.user = name === null ? null : { name };
  return undefined;
};
const proxied = { trustedProxies: "loopback" } as const;
const from = (address: string, user?: string): Record<string, string> => ({
  "x-forwarded-for": address,
  ...(user !== undefined && { "x-user": user }),
});

const wsUrl = (server: TestServer): string => `${server.webSocketUrl}/ws/echo`;

async function statusOf(server: TestServer, headers: Record<string, string>): Promise<unknown> {
  const refusal = await refusedHandshake(wsUrl(server), { headers });
  const { error } = JSON.parse(refusal.body) as { readonly error: { readonly code: string } };
  return [refusal.status, error.code, refusal.headers["retry-after"]];
}

const FULL = [503, "SERVER_FULL", "5"];
const TOO_MANY = [429, "REQUEST_TOO_MANY_CONNECTIONS", "5"];

describe("connections", () => {
  test("are counted together, WebSockets, streams and long polls", async () => {
    await using server = await serve(() => ({ routes: [echo, still] }), { maxConnections: 3 });
    const { cursor } = (await (await fetch(`${server.url}/still`)).json()) as { cursor: string };
    await using socket = await Socket.open(wsUrl(server));
    expect(socket.raw.readyState).toBe(socket.raw.OPEN);
    await using stream = await openStream(`${server.url}/still`, SSE);
    await stream.until("data: 1");
    const abort = new AbortController();
    const poll = fetch(`${server.url}/still?cursor=${cursor}`, {
      headers: { prefer: "wait=50" },
      signal: abort.signal,
    });
    await eventually(() => server.server.connectionCount === 3);
    expect(await statusOf(server, {})).toEqual(FULL);
    const refused = await fetch(`${server.url}/still`, { headers: SSE });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    // What is over at once needs no room.
    expect((await fetch(`${server.url}/still`)).status).toBe(200);
    abort.abort();
    await expect(poll).rejects.toThrow("aborted");
    await eventually(() => server.server.connectionCount === 2);
    await using again = await Socket.open(wsUrl(server));
    again.send("in");
    expect(await again.next()).toBe("in");
  });

  test("are counted for each address that a trusted proxy names", async () => {
    const limits = { maxConnectionsPerAddress: 1 };
    await using server = await serve(() => ({ routes: [echo, still] }), limits, proxied);
    const headers = from("192.0.2.1");
    const first = await Socket.open(wsUrl(server), [], { headers });
    expect(await statusOf(server, headers)).toEqual(TOO_MANY);
    const stream = await fetch(`${server.url}/still`, { headers: { ...SSE, ...headers } });
    expect(stream.status).toBe(429);
    await using other = await Socket.open(wsUrl(server), [], { headers: from("192.0.2.2") });
    expect(other.raw.readyState).toBe(other.raw.OPEN);
    await first[Symbol.asyncDispose]();
    await eventually(() => server.server.connectionCount === 1);
    await using again = await Socket.open(wsUrl(server), [], { headers });
    expect(again.raw.readyState).toBe(again.raw.OPEN);
  });

  test("are counted for each user", async () => {
    const routes = [use([whoTheySay], [echo, still])];
    await using server = await serve(() => ({ routes }), { maxConnectionsPerUser: 2 }, proxied);
    const headers = from("192.0.2.1", "ada");
    await using socket = await Socket.open(wsUrl(server), [], { headers });
    expect(socket.raw.readyState).toBe(socket.raw.OPEN);
    await using stream = await openStream(`${server.url}/still`, { ...SSE, ...headers });
    await stream.until("data: 1");
    expect(await statusOf(server, from("192.0.2.2", "ada"))).toEqual(TOO_MANY);
    expect((await fetch(`${server.url}/still`, { headers: { ...SSE, ...headers } })).status).toBe(
      429,
    );
    await using bob = await Socket.open(wsUrl(server), [], { headers: from("192.0.2.1", "bob") });
    expect(bob.raw.readyState).toBe(bob.raw.OPEN);
  });

  test("are no longer counted however they end", async () => {
    const never = consumer({ path: "/ws/never", connect: () => new Promise(() => {}) });
    const failing = consumer({
      path: "/ws/failing",
      connect() {
        throw new Error("no");
      },
    });
    const rejecting = consumer({ path: "/ws/rejecting", connect: (c) => c.reject(403) });
    const routes = [use([whoTheySay], [echo, still, never, failing, rejecting])];
    await using server = await serve(() => ({ routes }), {
      maxConnectionsPerUser: 10,
      handshakeTimeoutMs: 150,
    });
    const refused = async (path: string, headers = {}): Promise<number> =>
      (await refusedHandshake(server.webSocketUrl + path, { headers })).status;
    expect(await refused("/ws/echo", { "x-user": "nobody" })).toBe(403);
    expect(await refused("/ws/nowhere")).toBe(404);
    expect(await refused("/ws/failing")).toBe(500);
    expect(await refused("/ws/rejecting")).toBe(403);
    expect(await refused("/ws/never")).toBe(503);
    for (const ending of ["end", "destroy", "resetAndDestroy"] as const) {
      const tcp = connect(server.server.port, "127.0.0.1");
      tcp.on("error", () => {});
      tcp.write(handshake("/ws/echo"));
      await once(tcp, "readable");
      tcp.resume();
      tcp[ending]();
    }
    const undecided = connect(server.server.port, "127.0.0.1");
    undecided.write(handshake("/ws/never"));
    await eventually(() => server.server.connectionCount > 0);
    undecided.destroy();
    const abort = new AbortController();
    await fetch(`${server.url}/still`, { headers: SSE, signal: abort.signal });
    abort.abort();
    await eventually(() => server.server.connectionCount === 0);
    expect(server.server.connectionCount).toBe(0);
  });
});

describe("a client that takes its time", () => {
  test("is refused when nobody decides about its handshake, or its feed", async () => {
    const hang: Middleware = () => new Promise(() => {});
    const never = consumer({ path: "/ws/never", connect: () => new Promise(() => {}) });
    const behind = consumer({ path: "/ws/behind" });
    const routes = [never, use([hang], [behind, still])];
    await using server = await serve(() => ({ routes }), { handshakeTimeoutMs: 100 });
    // Answered at once, so it is not late afterwards.
    expect((await refusedHandshake(`${server.webSocketUrl}/nowhere`)).status).toBe(404);
    for (const path of ["/ws/never", "/ws/behind"]) {
      const { status, body } = await refusedHandshake(server.webSocketUrl + path);
      expect([status, JSON.parse(body).error.code]).toEqual([503, "REQUEST_TIMED_OUT"]);
    }
    const response = await fetch(`${server.url}/still`, { headers: SSE });
    expect(response.status).toBe(503);
    expect(server.log.map(({ level }) => level)).toEqual(["warn", "warn", "warn"]);
  });

  test("is cut off when its header does not come", async () => {
    await using server = await serve(() => ({}), { handshakeTimeoutMs: 100 });
    const socket = connect(server.server.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost:");
    expect(await readAll(socket)).toContain("408");
  });

  test("is closed when it says nothing for longer than it may, unlike one that talks", async () => {
    const limits = { idleTimeoutMs: 1_000, heartbeatMs: 250 };
    await using server = await serve(() => ({ routes: [echo] }), limits);
    await using idle = await Socket.open(wsUrl(server));
    await using busy = await Socket.open(wsUrl(server));
    const talk = setInterval(() => busy.send("x"), 50);
    expect(await idle.closed).toEqual({ code: 1000, reason: "idle" });
    expect(busy.raw.readyState).toBe(busy.raw.OPEN);
    clearInterval(talk);
  });
});

describe("a client that sends much", () => {
  test("is read no faster than it may send, and loses nothing", async () => {
    const limits = { maxMessagesPerSecond: 100, maxMessageBurst: 20 };
    await using server = await serve(() => ({ routes: [echo] }), limits);
    await using socket = await Socket.open(wsUrl(server));
    const startedAt = performance.now();
    for (let n = 0; n < 70; n++) socket.send(String(n));
    for (let n = 0; n < 70; n++) expect(await socket.next()).toBe(String(n));
    socket.send("next"); // 50 messages on credit: half a second
    expect(await socket.next()).toBe("next");
    expect(performance.now() - startedAt).toBeGreaterThan(400);
  });

  test("is closed with 1008 when it floods, with messages or with pings", async () => {
    await using server = await serve(() => ({ routes: [echo] }), { maxMessagesPerSecond: 10 });
    const closings = ["818000000000", "898000000000"].map(async (frame) => {
      await using socket = await Socket.open(wsUrl(server));
      socket.writeBytes(Buffer.alloc(6 * 2_000, Buffer.from(frame, "hex")));
      return await socket.closed;
    });
    const closing = { code: 1008, reason: "too many messages" };
    expect(await Promise.all(closings)).toEqual([closing, closing]);
  });

  test("gets its pings answered", async () => {
    await using server = await serve(() => ({ routes: [echo] }));
    await using socket = await Socket.open(wsUrl(server));
    socket.raw.ping("hello");
    const [data] = await once(socket.raw, "pong");
    expect(String(data)).toBe("hello");
  });

  test("is closed with 1008 when a message has too many fragments", async () => {
    await using server = await serve(() => ({ routes: [echo] }), { maxFragments: 3 });
    await using socket = await Socket.open(wsUrl(server));
    socket.writeBytes(Buffer.from("018000000000" + "008000000000".repeat(4), "hex"));
    expect((await socket.closed).code).toBe(1008);
  });

  test("is refused with 431 when its header is too large", async () => {
    await using server = await serve(() => ({}), { maxHeaderBytes: 2_000 });
    expect((await fetch(server.url, { headers: { "x-large": "x".repeat(1_500) } })).status).toBe(
      404,
    );
    expect((await fetch(server.url, { headers: { "x-large": "x".repeat(3_000) } })).status).toBe(
      431,
    );
  });
});

test("a peer that has gone without a word is asked once, and cut off at the next heartbeat", async () => {
  const closed = Promise.withResolvers<number>();
  const watched = consumer({
    path: "/ws/watched",
    disconnect: (_connection, { code }) => closed.resolve(code),
  });
  await using server = await serve(() => ({ routes: [watched] }), { heartbeatMs: 250 });
  const dead = connect(server.server.port, "127.0.0.1");
  dead.on("error", () => {});
  dead.write(handshake("/ws/watched"));
  await once(dead, "readable"); // and never says a word
  const heard = readAll(dead);
  expect(await closed.promise).toBe(1006);
  const [, frames = ""] = (await heard).split("\r\n\r\n");
  expect(Buffer.from(frames, "latin1").toString("hex")).toBe("8900");
});

test.each([
  ["maxConnections", 0],
  ["maxMessagesPerSecond", -1],
  ["maxBodyBytes", Infinity],
  ["handshakeTimeoutMs", 1.5],
  ["heartbeatMs", 15_001],
])("a server refuses %s of %d", async (name, value) => {
  await expect(serve(() => ({}), { [name]: value })).rejects.toMatchObject({
    code: "OPTION_INVALID",
    message: expect.stringContaining(name),
  });
});

function handshake(path: string): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
  );
}

async function readAll(socket: TcpSocket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  await once(socket, "close");
  return text;
}
