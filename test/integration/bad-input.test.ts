import { once } from "node:events";
import { connect as connectTcp } from "node:net";

import {
  allowedOrigins,
  consumer,
  cookieSessions,
  createServer,
  application,
  feed,
  sessionAuth,
  use,
} from "tidings";
import { expect, test } from "vitest";
import { z } from "zod";

import { serve, type TestServer } from "./serve.ts";
import { refusedHandshake, Socket } from "./socket.ts";

const user = z.object({ name: z.string() });
const sessions = cookieSessions({ secret: "0123456789abcdef0123456789abcdef", data: user });
const cookieOf = async (issuer: typeof sessions): Promise<string> =>
  (await issuer.create({ name: "ada" })).setCookie.split(";")[0] ?? "";

const echo = consumer({
  path: "/ws/echo",
  receives: z.object({ text: z.string() }),
  connect(connection) {
    if (!connection.user) connection.reject(4401, "sign in first");
  },
  receive: (connection, { text }) => connection.send(text),
});

const notes = feed({ path: "/notes", snapshot: () => ["a note"] });

const site = async (request: Request): Promise<Response> => new Response(await request.text());

const routes = [
  use(
    [
      allowedOrigins(["same-origin", "https://friend.example"]),
      sessionAuth(sessions, { user: (data) => data }),
    ],
    [echo, notes],
  ),
];

const start = (): Promise<TestServer> => serve(() => ({ http: site, routes }));
const signedIn = { headers: { cookie: await cookieOf(sessions) } };

/** What a client does wrong, and what it is told. Another client sees nothing of it. */
const mistakes: readonly {
  readonly name: string;
  readonly run: (server: TestServer) => Promise<unknown>;
  readonly expected: unknown;
}[] = [
  {
    name: "a frame that is not masked closes with 1002",
    run: (server) =>
      closeCodeOf(server, (socket) => socket.raw.write(Buffer.from([0x81, 0x01, 0x61]))),
    expected: 1002,
  },
  {
    name: "a reserved opcode closes with 1002",
    run: (server) =>
      closeCodeOf(server, (socket) => socket.raw.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]))),
    expected: 1002,
  },
  {
    name: "text that is not UTF-8 closes with 1007",
    run: (server) =>
      closeCodeOf(server, (socket) =>
        socket.raw.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])),
      ),
    expected: 1007,
  },
  {
    name: "a message over 1 MiB closes with 1009 (PROTOCOL.md 9.3)",
    run: (server) =>
      closeCodeOf(server, (socket) => socket.send({ text: "x".repeat(1024 * 1024) })),
    expected: 1009,
  },
  {
    name: "a frame that promises more than 1 MiB closes with 1009 before it is sent",
    run: (server) =>
      closeCodeOf(server, (socket) =>
        socket.raw.write(Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])),
      ),
    expected: 1009,
  },
  {
    name: "another site's page is refused its handshake with 403",
    run: (server) => refusal(server, { ...signedIn, origin: "https://evil.example" }),
    expected: { status: 403, code: "REQUEST_FORBIDDEN_ORIGIN" },
  },
  {
    name: "the origin `null` is refused its handshake with 403",
    run: (server) => refusal(server, { ...signedIn, origin: "null" }),
    expected: { status: 403, code: "REQUEST_FORBIDDEN_ORIGIN" },
  },
  {
    name: "another site's page is refused a feed with 403",
    run: (server) => answer(server, "/notes", { headers: { origin: "https://evil.example" } }),
    expected: { status: 403, code: "REQUEST_FORBIDDEN_ORIGIN" },
  },
  {
    name: "no session closes with 4401",
    run: async (server) => (await (await Socket.open(echoUrl(server))).closed).code,
    expected: 4401,
  },
  {
    name: "a session cookie that we did not sign closes with 4401",
    run: async (server) => {
      const headers = { cookie: `${signedIn.headers.cookie.slice(0, -43)}${"A".repeat(43)}` };
      return (await (await Socket.open(echoUrl(server), [], { headers })).closed).code;
    },
    expected: 4401,
  },
  {
    name: "a session cookie signed with another secret closes with 4401",
    run: async (server) => {
      const other = cookieSessions({ secret: "another secret, another signature", data: user });
      const headers = { cookie: await cookieOf(other) };
      return (await (await Socket.open(echoUrl(server), [], { headers })).closed).code;
    },
    expected: 4401,
  },
  {
    name: "a WebSocket where there is none is refused with 404",
    run: (server) => refusal(server, {}, "/ws/nowhere"),
    expected: { status: 404, code: "REQUEST_NOT_FOUND" },
  },
  {
    name: "an old WebSocket version is refused with 426",
    run: (server) => refusal(server, { protocolVersion: 8 }),
    expected: { status: 426, code: "REQUEST_MALFORMED" },
  },
  {
    name: "a plain GET of a consumer is answered with 426 (PROTOCOL.md 10.1)",
    run: (server) => answer(server, "/ws/echo"),
    expected: { status: 426, code: "REQUEST_UPGRADE_REQUIRED" },
  },
  {
    name: "a feed asked for as HTML alone is answered with 406 (PROTOCOL.md 3.2)",
    run: (server) => answer(server, "/notes", { headers: { accept: "text/html" } }),
    expected: { status: 406, code: "REQUEST_NOT_ACCEPTABLE" },
  },
  {
    name: "a POST to a feed is answered with 405 (PROTOCOL.md 3.4)",
    run: (server) => answer(server, "/notes", { method: "POST", body: "x" }),
    expected: { status: 405, code: "REQUEST_METHOD_NOT_ALLOWED" },
  },
  {
    name: "a body over 1 MiB is answered with 413",
    run: (server) => answer(server, "/page", { method: "POST", body: "x".repeat(1024 * 1024 + 1) }),
    expected: { status: 413, code: "REQUEST_TOO_LARGE" },
  },
  {
    name: "a body over 1 MiB that does not say its length is answered with 413",
    run: (server) =>
      answer(server, "/page", {
        method: "POST",
        body: new Blob(["x".repeat(1024 * 1024 + 1)]).stream(),
        duplex: "half",
      }),
    expected: { status: 413, code: "REQUEST_TOO_LARGE" },
  },
  {
    name: "a request line that is no HTTP is answered with 400",
    run: (server) => rawStatus(server, "NONSENSE\r\n\r\n"),
    expected: "HTTP/1.1 400",
  },
  {
    name: "a parameter that is no percent-encoding matches no route",
    run: (server) =>
      rawStatus(server, "GET /ws/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    expected: "HTTP/1.1 200", // from the pages
  },
];

for (const { name, run, expected } of mistakes) {
  test(name, async () => {
    await using server = await start();
    await using other = await Socket.open(echoUrl(server), [], signedIn);
    expect(await run(server)).toEqual(expected);
    other.send({ text: "nothing happened" });
    expect(await other.next()).toBe("nothing happened");
    expect(server.log.filter(({ level }) => level === "error")).toEqual([]);
  });
}

test("the page of a listed origin, and that of the same host, may open a WebSocket", async () => {
  await using server = await start();
  for (const origin of ["https://friend.example", server.url]) {
    await using socket = await Socket.open(echoUrl(server), [], { ...signedIn, origin });
    socket.send({ text: origin });
    expect(await socket.next()).toBe(origin);
  }
});

test("a path that nothing answers is 404 in JSON when there are no pages", async () => {
  await using server = await serve(() => ({}));
  expect(await answer(server, "/nowhere")).toEqual({ status: 404, code: "REQUEST_NOT_FOUND" });
});

test("an upgrade that nothing takes is refused with 404, and pages are not asked about it", async () => {
  const asked: string[] = [];
  await using server = await serve(() => ({
    http: (request) => {
      asked.push(request.url);
      return new Response("a page");
    },
  }));
  const { status, body } = await refusedHandshake(`${server.webSocketUrl}/nowhere`);
  expect({ status, code: JSON.parse(body).error.code }).toEqual({
    status: 404,
    code: "REQUEST_NOT_FOUND",
  });
  expect(asked).toEqual([]);
});

test("pages that throw are answered with 500 without the reason, which is logged", async () => {
  await using server = await serve(() => ({
    http: () => {
      throw new Error("secret reason");
    },
  }));
  const response = await fetch(`${server.url}/`);
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain("secret reason");
  expect(server.log).toMatchObject([
    { level: "error", fields: { err: { message: "secret reason" } } },
  ]);
});

test("a busy port is refused with what to do", async () => {
  await using server = await serve(() => ({}));
  const second = createServer(application({ app: server.app }), { port: server.server.port });
  await expect(second.start()).rejects.toMatchObject({
    code: "SERVER_PORT_IN_USE",
    message: expect.stringContaining("choose another with --port"),
  });
});

test("a short secret and an unknown driver are refused where they are written", () => {
  expect(() => cookieSessions({ secret: "short", data: user })).toThrow("at least 32 characters");
  expect(() => allowedOrigins(["not an origin"])).toThrow("rules like `https://example.com:8443`");
});

function echoUrl(server: TestServer): string {
  return `${server.webSocketUrl}/ws/echo`;
}

/** Opens a connection, does something bad on its TCP socket, and returns the code it is closed with. */
async function closeCodeOf(
  server: TestServer,
  act: (client: {
    readonly raw: { write(bytes: Buffer): void };
    send(data: unknown): void;
  }) => void,
): Promise<number> {
  const socket = await Socket.open(echoUrl(server), [], signedIn);
  act({ raw: { write: (bytes) => socket.writeBytes(bytes) }, send: (data) => socket.send(data) });
  return (await socket.closed).code;
}

async function refusal(server: TestServer, options: object, path = "/ws/echo"): Promise<unknown> {
  const { status, body } = await refusedHandshake(`${server.webSocketUrl}${path}`, options);
  return { status, code: JSON.parse(body).error.code };
}

async function answer(server: TestServer, path: string, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(server.url + path, init);
  const body = (await response.json()) as { readonly error: { readonly code: string } };
  return { status: response.status, code: body.error.code };
}

async function rawStatus(server: TestServer, text: string): Promise<string> {
  const socket = connectTcp(server.server.port, "127.0.0.1");
  socket.end(text);
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  await once(socket, "close");
  return received.slice(0, "HTTP/1.1 200".length);
}
