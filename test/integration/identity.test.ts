import { once } from "node:events";
import { request } from "node:http";

import { SignJWT } from "jose";
import {
  allowedOrigins,
  authorize,
  consumer,
  feed,
  httpConsumer,
  requireUser,
  sessionAuth,
  storedSessions,
  tokenAuth,
  use,
  type Middleware,
} from "tidings";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { serve, type TestServer } from "./serve.ts";
import { refusedHandshake, Socket } from "./socket.ts";
import { stopClock } from "./stop-clock.ts";
import { openStream } from "./stream.ts";

const SECRET = "a secret for tests, 32 characters";

const chat = consumer({
  path: "/ws/chat",
  connect: (connection) => connection.send({ user: connection.user?.name ?? null }),
});
const notes = feed({ path: "/notes", group: "notes", snapshot: () => ["a note"] });
const mine = feed({
  path: "/mine",
  authorize: ({ user }) => user !== null,
  snapshot: () => ["a note"],
});
const whoami = httpConsumer({
  path: "/whoami",
  methods: ["GET", "POST"],
  handle: (_request, { user }) => Response.json({ user: user?.name ?? null }),
});

const makeSessions = () =>
  storedSessions({ store: "memory:", secret: SECRET, data: z.object({ name: z.string() }) });

async function makeToken(end = Date.now() + 60_000): Promise<string> {
  return await new SignJWT({ sub: "ada" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(new Date(end))
    .sign(new TextEncoder().encode(SECRET));
}

const byToken = (rules: { readonly clockToleranceMs?: number } = {}): Middleware =>
  tokenAuth({ secret: SECRET, user: ({ sub = "" }) => ({ name: sub }), ...rules });

function start(middleware: readonly Middleware[]): Promise<TestServer> {
  return serve(() => ({ routes: [use(middleware, [chat, notes, mine, whoami])] }));
}

/** Every way to a route: what each answers to a request with these headers. */
const ways: Readonly<
  Record<string, (server: TestServer, headers: Record<string, string>) => Promise<number>>
> = {
  "a WebSocket": async (server, headers) => {
    const websocket = Socket.dial(`${server.webSocketUrl}/ws/chat`, [], { headers });
    return await statusOf(websocket);
  },
  "a feed over WebSocket": async (server, headers) => {
    const websocket = Socket.dial(`${server.webSocketUrl}/notes`, [], { headers });
    return await statusOf(websocket);
  },
  "server-sent events": async (server, headers) => {
    await using stream = await openStream(`${server.url}/notes`, {
      ...headers,
      accept: "text/event-stream",
    });
    return stream.response.status;
  },
  NDJSON: async (server, headers) => {
    await using stream = await openStream(`${server.url}/notes`, {
      ...headers,
      accept: "application/x-ndjson",
    });
    return stream.response.status;
  },
  "a poll": async (server, headers) => (await fetch(`${server.url}/notes`, { headers })).status,
  "a POST": async (server, headers) =>
    (await fetch(`${server.url}/whoami`, { method: "POST", headers })).status,
};

async function statusOf(socket: Socket): Promise<number> {
  await using _ = socket;
  const { promise, resolve } = Promise.withResolvers<number>();
  socket.raw.once("open", () => resolve(101));
  socket.raw.once("unexpected-response", (_request, { statusCode = 0 }) => resolve(statusCode));
  return await promise;
}

const passed = (status: number): boolean => status === 200 || status === 101;

describe.each(Object.entries(ways))("over %s", (_way, ask) => {
  test("a session says who is there, and nobody is refused with 401", async () => {
    const sessions = makeSessions();
    await using server = await start([
      sessionAuth(sessions, { user: (data) => data }),
      requireUser(),
    ]);
    const cookie = (await sessions.create({ name: "ada" })).setCookie.split(";")[0] ?? "";
    expect(passed(await ask(server, { cookie }))).toBe(true);
    expect(await ask(server, {})).toBe(401);
    expect(await ask(server, { cookie: `${cookie.slice(0, -1)}!` })).toBe(401);
  });

  test("another site's page is refused with 403 although nobody asked for that", async () => {
    const sessions = makeSessions();
    await using server = await start([sessionAuth(sessions, { user: (data) => data })]);
    const cookie = (await sessions.create({ name: "ada" })).setCookie.split(";")[0] ?? "";
    expect(await ask(server, { cookie, origin: "https://evil.example" })).toBe(403);
    expect(await ask(server, { cookie, origin: "null" })).toBe(403);
    expect(passed(await ask(server, { cookie, origin: server.url }))).toBe(true);
  });

  test("allowedOrigins decides for what comes after it", async () => {
    const origins = allowedOrigins(["https://*.friend.example"]);
    await using server = await start([origins, sessionAuth(() => ({ name: "ada" }))]);
    expect(passed(await ask(server, { origin: "https://app.friend.example" }))).toBe(true);
    expect(await ask(server, { origin: "https://friend.example" })).toBe(403);
  });

  test("a token says who is there, from any site's page", async () => {
    await using server = await start([byToken()]);
    const authorization = `Bearer ${await makeToken()}`;
    const origin = "https://app.example";
    expect(passed(await ask(server, { authorization, origin }))).toBe(true);
    expect(await ask(server, {})).toBe(401);
    expect(
      await ask(server, { authorization: `Bearer ${await makeToken(Date.now() - 60_000)}` }),
    ).toBe(401);
  });

  test("whoever is recognised may still not be allowed", async () => {
    const staff = authorize(({ user }) => user?.name === "root");
    await using server = await start([byToken(), staff]);
    expect(await ask(server, { authorization: `Bearer ${await makeToken()}` })).toBe(403);
  });
});

test("a refused token is answered as RFC 6750 says", async () => {
  await using server = await start([byToken()]);
  const token = await makeToken(Date.now() - 60_000);
  const { status, headers, body } = await refusedHandshake(`${server.webSocketUrl}/ws/chat`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(status).toBe(401);
  expect(headers["www-authenticate"]).toBe(
    'Bearer error="invalid_token", error_description="the token has expired"',
  );
  expect(JSON.parse(body)).toEqual({
    error: { code: "REQUEST_UNAUTHENTICATED", message: "the token has expired" },
  });
  expect(JSON.stringify(server.log)).not.toContain(token);
});

test("who could have sent a token is told so, and who could only have a cookie is not", async () => {
  const cookies = sessionAuth(() => null);
  const tokens = tokenAuth({ secret: SECRET, required: false, user: () => null });
  const challenge = async (middleware: readonly Middleware[], path: string): Promise<unknown> => {
    await using server = await start(middleware);
    const { status, headers } = await fetch(server.url + path);
    const refused = await refusedHandshake(`${server.webSocketUrl}${path}`);
    expect([status, refused.status]).toEqual([401, 401]);
    expect(refused.headers["www-authenticate"] ?? null).toBe(headers.get("www-authenticate"));
    return headers.get("www-authenticate");
  };
  for (const path of ["/notes", "/mine"]) {
    const guards = path === "/notes" ? [requireUser()] : [];
    expect(await challenge([tokens, cookies, ...guards], path)).toBe("Bearer");
    expect(await challenge([cookies, ...guards], path)).toBeNull();
  }
});

test("a token in a URL is taken where that is allowed, and logged nowhere", async () => {
  const broken = tokenAuth({
    secret: SECRET,
    from: ["query"],
    user: ({ sub = "" }) => {
      throw new Error(`cannot look up ${sub}`);
    },
  });
  await using server = await start([broken]);
  const token = await makeToken();
  const response = await fetch(`${server.url}/notes?access_token=${token}`);
  expect(response.status).toBe(500);
  expect(server.log).toMatchObject([{ level: "error", message: "request failed" }]);
  expect(JSON.stringify(server.log)).not.toContain(token);
});

test("a token among the subprotocols is taken, and never chosen", async () => {
  await using server = await start([byToken()]);
  const token = await makeToken();
  const url = `${server.webSocketUrl}/ws/chat`;
  await using socket = await Socket.open(url, ["tidings.v1", `bearer.${token}`]);
  expect(socket.protocol).toBe("tidings.v1");
  expect(await socket.next()).toMatchObject({ data: { user: "ada" } });
  const handshake = request(`${server.url}/ws/chat`, {
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
      "sec-websocket-protocol": `bearer.${token}`,
    },
  }).end();
  const [response, tcp] = await once(handshake, "upgrade");
  tcp.destroy();
  expect(response.statusCode).toBe(101);
  expect(JSON.stringify(response.rawHeaders)).not.toContain(token);
  expect(response.headers).not.toHaveProperty("sec-websocket-protocol");
});

test("a connection ends with its session, within the time between two looks", async () => {
  const sessions = makeSessions();
  const auth = sessionAuth(sessions, { user: (data) => data, recheckMs: 100 });
  await using server = await start([auth]);
  const own = await sessions.create({ name: "ada" });
  const other = await sessions.create({ name: "grace" });
  const headersOf = ({ setCookie }: typeof own) => ({ cookie: setCookie.split(";")[0] ?? "" });
  const url = `${server.webSocketUrl}/ws/chat`;
  await using socket = await Socket.open(url, [], { headers: headersOf(own) });
  await using bystander = await Socket.open(url, [], { headers: headersOf(other) });
  await using stream = await openStream(`${server.url}/notes`, {
    ...headersOf(own),
    accept: "text/event-stream",
  });
  await stream.until("a note");
  await sessions.destroy(own.session);
  expect(await socket.closed).toMatchObject({ code: 3000 });
  await expect(stream.until("nothing more")).rejects.toThrow("ended before");
  expect(await bystander.next()).toEqual({ user: "grace" });
  expect(bystander.raw.readyState).toBe(bystander.raw.OPEN);
});

test("a connection ends with its token, and no sooner", async () => {
  const clock = stopClock();
  await using server = await start([byToken({ clockToleranceMs: 0 })]);
  const open = async (lifeMs: number): Promise<Socket> => {
    const authorization = `Bearer ${await makeToken(Date.now() + lifeMs)}`;
    return await Socket.open(`${server.webSocketUrl}/ws/chat`, [], { headers: { authorization } });
  };
  await using short = await open(60_000);
  await using long = await open(120_000);
  clock.advance(60_000);
  expect(await short.closed).toMatchObject({ code: 3000 });
  expect(long.raw.readyState).toBe(long.raw.OPEN);
  clock.advance(60_000);
  expect(await long.closed).toMatchObject({ code: 3000 });
});
