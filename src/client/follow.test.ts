import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";

import { TidingsError } from "../core/errors.ts";
import {
  COMING_BACK,
  formatNdjson,
  formatSseEvent,
  SIGN_OF_LIFE,
  SUBPROTOCOL,
  type FeedEvent,
} from "../protocol/index.ts";
import { follow, type FollowOptions } from "./follow.ts";
import type { StatusChange } from "./status.ts";
import type { TrafficTotals } from "./traffic.ts";
import { TRANSPORTS, type TransportName } from "./transports/transport-names.ts";

/** Answers a request in the feed's stead; returns whether it did. */
type Fault = (request: IncomingMessage, response: ServerResponse | Duplex) => boolean;

/** A feed over real HTTP and WebSockets, small enough to be broken in every way. */
class FeedServer {
  readonly requests: IncomingMessage[] = [];
  readonly #http: Server = createServer((request, response) => this.#onRequest(request, response));
  readonly #websockets = new WebSocketServer({ noServer: true });
  readonly #events: FeedEvent[] = [];
  readonly #streams = new Set<() => void>();
  #isEnded = false;
  /** What intercepts requests; returning `false` lets them through. */
  fault: Fault = () => false;

  static async start(): Promise<FeedServer> {
    const server = new FeedServer();
    server.#http.on("upgrade", (request, socket, head) => server.#onUpgrade(request, socket, head));
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    onTestFinished(() => server.close());
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/feed`;
  }

  /** Adds events, and sends them to everybody. */
  add(...data: unknown[]): void {
    for (const item of data) {
      this.#events.push({ cursor: `e.${this.#events.length + 1}`, data: item });
    }
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** Cuts every connection, as a crash does. */
  cut(): void {
    this.#streams.clear();
    this.#http.closeAllConnections();
    for (const client of this.#websockets.clients) client.terminate();
  }

  /** Says nothing more over what is open, and does not answer the next request, as a half-open line does. */
  deafen(): void {
    this.#streams.clear();
    let isDeaf = true;
    this.fault = ({ headers }) => {
      if (headers.accept !== "application/json" || !isDeaf) return false;
      isDeaf = false;
      return true;
    };
  }

  async close(): Promise<void> {
    this.cut();
    this.#http.close();
    await once(this.#http, "close");
  }

  /** How many streams, sockets and waiting polls are open. */
  get openCount(): number {
    return this.#streams.size;
  }

  #wake(): void {
    for (const wake of this.#streams) wake();
  }

  #cursorOf(request: IncomingMessage): string | null {
    return new URL(request.url ?? "", this.url).searchParams.get("cursor");
  }

  #since(cursor: string | null): readonly FeedEvent[] {
    const offset = Number(/^e\.(\d+)$/.exec(cursor ?? "")?.[1] ?? -1);
    if (offset >= 0) return this.#events.slice(offset);
    // Without a cursor, the state is the last event; with a strange one, from anew.
    const state = this.#events.slice(-1);
    return cursor === null ? state : state.map((event) => ({ ...event, reset: RESET }));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request);
    if (this.fault(request, response)) return;
    const cursor = this.#cursorOf(request);
    const { accept } = request.headers;
    if (accept === "text/event-stream" || accept === "application/x-ndjson") {
      this.#stream(response, { cursor, isSse: accept === "text/event-stream" });
    } else this.#answerPoll(request, response, cursor);
  }

  #stream(
    response: ServerResponse,
    { cursor, isSse }: { readonly cursor: string | null; readonly isSse: boolean },
  ): void {
    let events = this.#since(cursor);
    if (this.#isEnded && events.length === 0) {
      response.writeHead(204).end();
      return;
    }
    response.writeHead(200, {
      "content-type": isSse ? "text/event-stream" : "application/x-ndjson",
    });
    response.write(isSse ? ":\n\n" : "\n");
    let sent = cursor;
    const send = (): void => {
      for (const event of events) {
        const sse = { id: event.cursor, data: JSON.stringify(event.data) };
        if (isSse && event.reset) {
          response.write(formatSseEvent({ event: "reset", data: JSON.stringify(event.reset) }));
        }
        response.write(isSse ? formatSseEvent(sse) : formatNdjson(event));
        sent = event.cursor;
      }
      if (this.#isEnded) response.end(isSse ? "" : formatNdjson({ end: true }));
    };
    send();
    this.#onWake(response, () => {
      events = this.#since(sent);
      send();
    });
  }

  #answerPoll(request: IncomingMessage, response: ServerResponse, cursor: string | null): void {
    const answer = (): void => {
      const events = this.#since(cursor);
      const now = events.at(-1)?.cursor ?? cursor ?? "e.0";
      if (request.headers["if-none-match"] === `"${now}"` && !this.#isEnded) {
        response.writeHead(304).end();
        return;
      }
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ cursor: now, events, ...(this.#isEnded && { end: true }) }));
    };
    const isWait = /wait=[1-9]/.test(String(request.headers["prefer"]));
    if (!isWait || this.#isEnded || this.#since(cursor).length > 0) return answer();
    this.#onWake(response, () => {
      if (!response.writableEnded) answer();
    });
  }

  #onWake(connection: ServerResponse | WebSocket, wake: () => void): void {
    this.#streams.add(wake);
    connection.once("close", () => this.#streams.delete(wake));
    if ("once" in connection && "writableEnded" in connection) {
      connection.once("finish", () => this.#streams.delete(wake));
    }
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.requests.push(request);
    socket.on("error", () => {});
    if (this.fault(request, socket)) return;
    this.#websockets.handleUpgrade(request, socket, head, (websocket) => {
      let sent = this.#cursorOf(request);
      const send = (): void => {
        for (const event of this.#since(sent)) {
          websocket.send(JSON.stringify(event));
          sent = event.cursor;
        }
        if (!this.#isEnded) return;
        websocket.send(JSON.stringify({ end: true }));
        websocket.close(1000);
      };
      send();
      this.#onWake(websocket, send);
    });
  }
}

/** Refuses with an HTTP status, over HTTP and in a WebSocket's handshake alike. */
function refuse(status: number, body: string, headers: Record<string, string> = {}): Fault {
  return (_, response) => {
    if ("writeHead" in response) response.writeHead(status, headers).end(body);
    else response.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    return true;
  };
}

/** Lets a number of requests fail, and the rest through. */
function first(count: number, fault: Fault): Fault {
  let left = count;
  return (request, response) => (left-- > 0 ? fault(request, response) : false);
}

/** A feed that a test follows step by step. */
function begin(server: FeedServer, options: FollowOptions) {
  const statuses: StatusChange[] = [];
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const events = follow(server.url, {
    pollMs: 10,
    signal: abort.signal,
    ...options,
    onStatus: (change) => statuses.push(change),
  });
  return {
    statuses,
    abort,
    events,
    /** The data of the next event. */
    async next(): Promise<unknown> {
      const { value, done } = await events.next();
      if (done) throw new Error("the feed is over");
      return value.data;
    },
  };
}

async function until(condition: () => boolean, limitMs = 20_000): Promise<void> {
  const limit = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > limit) throw new Error("the condition has not come true");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

// Waits between attempts are random; these tests need no luck to be quick.
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0.02));

describe.each(TRANSPORTS)("follow over %s", (transport: TransportName) => {
  test("yields the state and then every event in order, until the feed ends", async () => {
    const server = await FeedServer.start();
    server.add("old", "state");
    const { next, events, statuses } = begin(server, { transport });
    expect(await next()).toBe("state");
    server.add("é€😀\n");
    server.add({ deep: [1, null] }, 3);
    expect([await next(), await next(), await next()]).toEqual(["é€😀\n", { deep: [1, null] }, 3]);
    server.end();
    expect(await events.next()).toEqual({ value: undefined, done: true });
    expect(statuses[0]).toEqual({ status: "connecting", transport });
    expect(statuses[1]).toEqual({ status: "open", transport });
    expect(statuses.at(-1)).toEqual({ status: "closed", transport, reason: "it has ended" });
  });

  test("goes on after the last event when the connection breaks, with nothing lost or twice", async () => {
    const server = await FeedServer.start();
    server.add(1);
    const { next, statuses } = begin(server, { transport });
    expect(await next()).toBe(1);
    for (let round = 1; round <= 3; round += 1) {
      server.cut();
      server.add(round * 10, round * 10 + 1);
      expect([await next(), await next()]).toEqual([round * 10, round * 10 + 1]);
    }
    const cursors = server.requests.map(({ url = "" }) => url.split("cursor=")[1]);
    expect(cursors[0]).toBeUndefined();
    expect(cursors).toContain("e.1");
    // Polls may have no request under way when the connections are cut.
    const isPolling = transport === "poll" || transport === "long-poll";
    expect(isPolling || statuses.some(({ status }) => status === "waiting")).toBe(true);
  });

  test.each([
    ["the server has been silent for too long", () => vi.advanceTimersByTime(45_000)],
    [
      "the machine has slept",
      () => {
        vi.setSystemTime(Date.now() + 3_600_000);
        vi.advanceTimersByTime(5_000);
      },
    ],
  ])("leaves a connection that nothing comes over, and goes on, when %s", async (_, pass) => {
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const server = await FeedServer.start();
    server.add(1);
    const { next, statuses } = begin(server, { transport });
    expect(await next()).toBe(1);
    const event = next();
    const asked = server.requests.length;
    server.deafen();
    server.add(2);
    if (transport.endsWith("poll")) await until(() => server.requests.length > asked);
    await until(() => vi.getTimerCount() > 0);
    pass();
    expect(await event).toBe(2);
    expect(statuses.some(({ status }) => status === "waiting")).toBe(true);
  });

  test("goes on after a cursor that was kept, and says when it had to start over", async () => {
    const server = await FeedServer.start();
    server.add(1, 2, 3);
    expect(await begin(server, { transport, cursor: "e.1" }).next()).toBe(2);
    const { value } = await begin(server, { transport, cursor: "stränge .&=" }).events.next();
    expect(value).toEqual({ cursor: "e.3", data: 3, reset: RESET });
  });

  test("comes back when the server is away or overloaded, and says when", async () => {
    const server = await FeedServer.start();
    server.add("here");
    server.fault = first(
      transport === "websocket" ? 4 : 2,
      refuse(503, "", { "retry-after": "0" }),
    );
    const { next, statuses } = begin(server, { transport });
    expect(await next()).toBe("here");
    const [connecting, waiting, ...rest] = statuses;
    expect(connecting).toEqual({ status: "connecting", transport });
    expect(waiting).toMatchObject({ status: "waiting", retryInMs: expect.any(Number) });
    expect(rest.map(({ status }) => status)).toEqual([
      "connecting",
      "waiting",
      "connecting",
      "open",
    ]);
  });

  test("throws what the server refuses with, and does not come back", async () => {
    const server = await FeedServer.start();
    server.fault = refuse(403, '{"error":{"code":"REQUEST_FORBIDDEN","message":"not for you"}}');
    const { next, statuses } = begin(server, { transport });
    await expect(next()).rejects.toMatchObject({
      name: "TidingsError",
      code: "REQUEST_FORBIDDEN",
      message: "not for you",
    });
    expect(statuses.map(({ status }) => status)).toEqual(["connecting", "closed"]);
    expect(statuses[1]).toMatchObject({ code: 4403, reason: "not for you" });
    expect(server.requests).toHaveLength(transport === "websocket" ? 2 : 1);
  });

  test("knows a refusal without a body of ours by its status", async () => {
    const server = await FeedServer.start();
    server.fault = refuse(401, "<html>");
    await expect(begin(server, { transport }).next()).rejects.toMatchObject({
      code: "REQUEST_UNAUTHENTICATED",
      message: "refused with 401",
    });
    server.fault = refuse(410, "");
    await expect(begin(server, { transport }).next()).rejects.toMatchObject({
      code: "REQUEST_REFUSED",
    });
  });

  test("ends at once and without an error when the signal fires, and hangs up", async () => {
    const server = await FeedServer.start();
    server.add(1);
    const { next, events, abort, statuses } = begin(server, { transport, pollMs: 60_000 });
    await next();
    const pending = events.next();
    if (transport !== "poll") await until(() => server.openCount === 1);
    abort.abort();
    expect(await pending).toEqual({ value: undefined, done: true });
    expect(statuses.at(-1)).toEqual({ status: "closed", transport });
    await until(() => server.openCount === 0);
  });

  test("presents a new token whenever it comes back", async () => {
    const server = await FeedServer.start();
    server.add(1);
    let tokens = 0;
    const { next } = begin(server, { transport, token: () => Promise.resolve(`t${++tokens}`) });
    await next();
    server.cut();
    server.add(2);
    await next();
    const presented = server.requests.map(({ headers }) =>
      transport === "websocket"
        ? headers["sec-websocket-protocol"]?.split("bearer.")[1]
        : headers.authorization?.replace("Bearer ", ""),
    );
    expect(presented.length).toBeGreaterThan(1);
    expect(presented).toEqual(presented.map((_, index) => `t${index + 1}`));
  });

  test("does nothing when the signal has fired before", async () => {
    const server = await FeedServer.start();
    const events = follow(server.url, { transport, signal: AbortSignal.abort() });
    expect(await events.next()).toEqual({ value: undefined, done: true });
    expect(server.requests).toHaveLength(0);
  });

  test("hangs up when the loop is left", async () => {
    const server = await FeedServer.start();
    server.add(1);
    const { events, statuses } = begin(server, { transport });
    for await (const { data } of events) {
      expect(data).toBe(1);
      break;
    }
    await until(() => server.openCount === 0);
    expect(statuses.at(-1)?.status).toBe("closed");
  });

  test("loses nothing when its reader is slower than the feed", async () => {
    const server = await FeedServer.start();
    server.add(0);
    const { next } = begin(server, { transport, maxBuffered: 10 });
    await next();
    const count = 500;
    for (let n = 1; n <= count; n += 1) server.add(n);
    const read: unknown[] = [];
    for (let n = 1; n <= count; n += 1) {
      // The reader takes a turn of the event loop for each; what comes meanwhile piles up.
      await new Promise((resolve) => setImmediate(resolve));
      read.push(await next());
      if (n === 20) server.add("late");
    }
    expect(read).toEqual([...Array(count).keys()].map((n) => n + 1));
    expect(await next()).toBe("late");
  });

  test("counts requests and bytes", async () => {
    const server = await FeedServer.start();
    server.add("x".repeat(1_000));
    const totals: TrafficTotals[] = [];
    const { next } = begin(server, { transport, onTraffic: (now) => totals.push(now) });
    await next();
    server.add("y".repeat(1_000));
    await next();
    const { requests, bytesReceived, bytesSent } = totals.at(-1) ?? {};
    expect(requests).toBe(server.requests.length);
    expect(bytesReceived).toBeGreaterThan(2_000);
    expect(bytesReceived).toBeLessThan(4_500);
    expect(bytesSent).toBeGreaterThan(50);
    expect(totals[0]).toMatchObject({ requests: 1, bytesReceived: 0 });
  });

  test("says clearly that what answers is no feed", async () => {
    const server = await FeedServer.start();
    server.fault = (_, response) => {
      if (!("writeHead" in response)) return false;
      response.writeHead(200, { "content-type": "text/html" }).end("<p>Welcome</p>");
      return true;
    };
    server.add(undefined); // JSON drops it: an event without data
    await expect(begin(server, { transport }).next()).rejects.toMatchObject({
      code: "CLIENT_PROTOCOL",
    });
  });
});

/** A proxy that knows no WebSockets. */
const RESET = { reason: "evicted" } as const;
const noWebSockets: Fault = (_, response) => {
  if ("writeHead" in response) return false;
  response.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  return true;
};

describe("follow over the first transport that works", () => {
  test("is a WebSocket where that is possible", async () => {
    const server = await FeedServer.start();
    server.add("state");
    const { next, statuses } = begin(server, {});
    expect(await next()).toBe("state");
    expect(statuses.at(-1)).toEqual({ status: "open", transport: "websocket" });
  });

  test("goes on by server-sent events at once where a proxy knows no WebSockets", async () => {
    const server = await FeedServer.start();
    server.add("state");
    server.fault = noWebSockets;
    const { next, statuses } = begin(server, {});
    expect(await next()).toBe("state");
    expect(statuses).toEqual([
      { status: "connecting", transport: "websocket" },
      { status: "connecting", transport: "sse" },
      { status: "open", transport: "sse" },
    ]);
  });

  test("changes in mid-stream, and loses and repeats nothing", async () => {
    const server = await FeedServer.start();
    server.add(1);
    const { next, statuses } = begin(server, {});
    expect(await next()).toBe(1);
    server.fault = noWebSockets;
    server.cut();
    server.add(2, 3);
    expect([await next(), await next()]).toEqual([2, 3]);
    server.add(4);
    expect(await next()).toBe(4);
    expect(statuses.at(-1)).toEqual({ status: "open", transport: "sse" });
  });

  test("polls where streams are held back", async () => {
    const server = await FeedServer.start();
    server.add("state");
    server.fault = (request, response) => {
      if (noWebSockets(request, response)) return true;
      if (request.headers.accept !== "text/event-stream" || !("writeHead" in response))
        return false;
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      return true;
    };
    const clock = setInterval(() => vi.advanceTimersByTime(200), 5);
    onTestFinished(() => clearInterval(clock));
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const { next, statuses } = begin(server, {});
    expect(await next()).toBe("state");
    expect(statuses.at(-1)).toEqual({ status: "open", transport: "long-poll" });
  });

  test("stays with its transport when the server is away", async () => {
    const server = await FeedServer.start();
    server.add("here");
    server.fault = first(4, refuse(503, ""));
    const { next, statuses } = begin(server, {});
    expect(await next()).toBe("here");
    expect(new Set(statuses.map(({ transport }) => transport))).toEqual(new Set(["websocket"]));
  });

  test("takes no refusal for a blocked way", async () => {
    const server = await FeedServer.start();
    server.fault = refuse(403, "");
    await expect(begin(server, {}).next()).rejects.toMatchObject({ code: "REQUEST_FORBIDDEN" });
    expect(server.requests).toHaveLength(2);
  });
});

describe("follow", () => {
  test("offers the subprotocol, and no other transport does (PROTOCOL.md 4.2)", async () => {
    const server = await FeedServer.start();
    server.add(1);
    await begin(server, {}).next();
    expect(server.requests[0]?.headers["sec-websocket-protocol"]).toBe(SUBPROTOCOL);
  });

  test("trusts a WebSocket that shows signs of life, and says that it comes back from one that does not (PROTOCOL.md 4.4)", async () => {
    const websockets = new WebSocketServer({
      port: 0,
      host: "127.0.0.1",
      handleProtocols: () => SUBPROTOCOL,
    });
    await once(websockets, "listening");
    onTestFinished(() => websockets.close());
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const { port } = websockets.address() as AddressInfo;
    const events = follow(`ws://127.0.0.1:${port}/`);
    onTestFinished(async () => void (await events.return()));
    const begun = events.next();
    const [websocket] = (await once(websockets, "connection")) as [WebSocket];
    const closed = once(websocket, "close");
    for (let second = 0; second < 60; second += 15) {
      websocket.send(SIGN_OF_LIFE);
      // Behind it, as its answer says that it was taken.
      websocket.ping();
      await once(websocket, "pong");
      vi.advanceTimersByTime(15_000);
    }
    websocket.send(JSON.stringify({ cursor: "e.1", data: "still here" }));
    expect(await begun).toMatchObject({ value: { data: "still here" } });
    const later = events.next();
    vi.advanceTimersByTime(40_000);
    expect((await closed)[0]).toBe(COMING_BACK);
    const [next] = (await once(websockets, "connection")) as [WebSocket];
    next.send(JSON.stringify({ cursor: "e.2", data: "and again" }));
    expect(await later).toMatchObject({ value: { data: "and again" } });
  });

  test("comes back with a new token when the credentials of a connection have ended", async () => {
    const websockets = new WebSocketServer({
      port: 0,
      host: "127.0.0.1",
      handleProtocols: () => SUBPROTOCOL,
    });
    await once(websockets, "listening");
    onTestFinished(() => websockets.close());
    websockets.on("connection", (websocket, { headers }) => {
      const isNew = headers["sec-websocket-protocol"]?.endsWith("bearer.new");
      if (isNew) websocket.send(JSON.stringify({ cursor: "e.1", data: "welcome" }));
      else websocket.close(3000, "the session has ended");
    });
    const { port } = websockets.address() as AddressInfo;
    const tokens = ["old", "new"];
    const events = follow(`ws://127.0.0.1:${port}/`, { token: () => tokens.shift() ?? "" });
    expect((await events.next()).value).toMatchObject({ data: "welcome" });
    await events.return();
  });

  test.each([
    [4401, "REQUEST_UNAUTHENTICATED"],
    [4403, "REQUEST_FORBIDDEN"],
    [4404, "REQUEST_NOT_FOUND"],
    [4499, "REQUEST_REFUSED"],
    [1008, "REQUEST_REFUSED"],
  ])("takes the close code %d as a refusal", async (closeCode, code) => {
    const websockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(websockets, "listening");
    onTestFinished(() => websockets.close());
    websockets.on("connection", (websocket) => websocket.close(closeCode, "no"));
    const { port } = websockets.address() as AddressInfo;
    const events = follow(`ws://127.0.0.1:${port}/`);
    await expect(events.next()).rejects.toMatchObject({ code, message: "no" });
  });

  test("leaves a server alone that does not wait with its answer (PROTOCOL.md 7.4)", async () => {
    const server = await FeedServer.start();
    server.add(1);
    const { next, events, abort, statuses } = begin(server, { transport: "long-poll" });
    await next();
    server.fault = refuse(200, '{"cursor":"e.1","events":[]}');
    const pending = events.next();
    await until(() => statuses.some(({ status }) => status === "waiting"));
    expect(statuses.find(({ status }) => status === "waiting")?.reason).toBe(
      "the server did not wait",
    );
    expect(server.requests.length).toBeLessThan(5);
    abort.abort();
    await pending;
  });

  test("waits as long as the server asks, over HTTP and in an event stream (PROTOCOL.md 3.5)", async () => {
    const server = await FeedServer.start();
    server.fault = refuse(503, "", { "retry-after": "7" });
    const busy = begin(server, { transport: "poll" });
    const pending = busy.events.next();
    await until(() => busy.statuses.length === 2);
    expect(busy.statuses[1]?.retryInMs).toBeGreaterThanOrEqual(7_000);
    busy.abort.abort();
    await pending;
    server.fault = refuse(200, "retry: 8000\n\n", { "content-type": "text/event-stream" });
    const stream = begin(server, { transport: "sse" });
    const rest = stream.events.next();
    await until(() => stream.statuses.some(({ status }) => status === "waiting"));
    expect(stream.statuses.at(-1)?.retryInMs).toBeGreaterThanOrEqual(8_000);
    stream.abort.abort();
    await rest;
  });

  test.each(["no JSON", "{}", "[1]"])("refuses the line %s in a stream of JSON", async (line) => {
    const server = await FeedServer.start();
    server.fault = refuse(200, `${line}\n`, {
      "content-type": "application/x-ndjson; charset=utf-8",
    });
    const { next } = begin(server, { transport: "ndjson" });
    await expect(next()).rejects.toBeInstanceOf(TidingsError);
  });

  test("comes back when a stream of JSON ends without saying so", async () => {
    const server = await FeedServer.start();
    server.add(1);
    server.fault = first(1, refuse(200, '\n{"cur', { "content-type": "application/x-ndjson" }));
    const { next, statuses } = begin(server, { transport: "ndjson" });
    expect(await next()).toBe(1);
    expect(statuses[2]).toMatchObject({ status: "waiting", reason: "the stream broke off" });
  });

  test("skips events of another type in an event stream", async () => {
    const server = await FeedServer.start();
    const text = "event: other\ndata: 1\n\nid: e.2\ndata: 2\n\n";
    server.fault = refuse(200, text, { "content-type": "text/event-stream" });
    const { value } = await begin(server, { transport: "sse" }).events.next();
    expect(value).toEqual({ cursor: "e.2", data: 2 });
  });

  test("refuses what it cannot do at once", () => {
    expect(() => follow("/feed")).toThrow("absolute where there is no page");
    expect(() => follow("ftp://example.com")).toThrow("expected an address of HTTP");
    expect(() => follow("http://example.com", { transport: "pigeon" as never })).toThrow(
      "expected `transport` to be some of websocket, sse",
    );
    expect(() => follow("http://example.com", { pollMs: 0 })).toThrow("expected `pollMs`");
    expect(() => follow("http://example.com", { maxBuffered: 0 })).toThrow(
      "expected `maxBuffered`",
    );
  });
});
