import { consumer, feed, use, type Middleware } from "tidings";
import { connect, follow, TRANSPORTS, type StatusChange } from "tidings/client";
import { describe, expect, onTestFinished, test } from "vitest";

import { serve, type TestServer } from "./serve.ts";
import { Socket } from "./socket.ts";

const room = consumer({ path: "/room" });
const still = feed({ path: "/still", snapshot: () => 1 });

const FULL = {
  status: "waiting",
  code: 4503,
  reason: "the server has as many connections as it takes; come back later",
};
const TOO_MANY = {
  status: "waiting",
  code: 4429,
  reason: "too many connections of yours are open; close one, or come back later",
};

const isAda: Middleware = (context) => {
  context.user = { name: "ada" };
  return undefined;
};

/** What a client tells first that is no attempt. */
function firstNews(begin: (onStatus: (change: StatusChange) => void, signal: AbortSignal) => void) {
  const left = new AbortController();
  onTestFinished(() => left.abort());
  return new Promise<StatusChange>((resolve) => {
    begin((change) => {
      if (change.status !== "connecting") resolve(change);
    }, left.signal);
  });
}

function connected(server: TestServer, transport: (typeof TRANSPORTS)[number] | undefined) {
  return firstNews((onStatus, signal) =>
    connect(`${server.url}/room`, { transport, onStatus, signal }),
  );
}

function followed(server: TestServer, transport: (typeof TRANSPORTS)[number] | undefined) {
  return firstNews((onStatus, signal) => {
    const events = follow(`${server.url}/still`, { transport, onStatus, signal });
    void events.next();
  });
}

describe("a client for which there is no room", () => {
  test.each([undefined, ...TRANSPORTS])("is told so, over %s", async (transport) => {
    await using server = await serve(() => ({ routes: [room, still] }), { maxConnections: 1 });
    await using socket = await Socket.open(`${server.webSocketUrl}/room`);
    expect(socket.raw.readyState).toBe(socket.raw.OPEN);
    const first = transport ?? "websocket";
    expect(await connected(server, transport)).toMatchObject({ ...FULL, transport: first });
    // A poll holds nothing, and is always let in.
    if (transport === "poll") return;
    expect(await followed(server, transport)).toMatchObject({ ...FULL, transport: first });
    expect(server.server.connectionCount).toBe(1);
  });

  test.each([undefined, "websocket"] as const)(
    "is told whose connections are too many, over %s",
    async (transport) => {
      const routes = [use([isAda], [room, still])];
      await using server = await serve(() => ({ routes }), { maxConnectionsPerUser: 1 });
      await using socket = await Socket.open(`${server.webSocketUrl}/room`);
      expect(socket.raw.readyState).toBe(socket.raw.OPEN);
      expect(await connected(server, transport)).toMatchObject(TOO_MANY);
      expect(await followed(server, transport)).toMatchObject(TOO_MANY);
    },
  );

  test("waits as long as the server asks for", async () => {
    await using server = await serve(() => ({ routes: [room] }), { maxConnections: 1 });
    await using socket = await Socket.open(`${server.webSocketUrl}/room`);
    expect(socket.raw.readyState).toBe(socket.raw.OPEN);
    const { retryInMs } = await connected(server, "websocket");
    expect(retryInMs).toBeGreaterThanOrEqual(5_000);
  });
});
