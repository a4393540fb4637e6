import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { WebSocketServer, type WebSocket as ServerSocket } from "ws";

import type { ConnectOptions } from "./connect-options.ts";
import { connect } from "./connect.ts";
import type { StatusChange } from "./status.ts";

// Waits between attempts are random; these tests need no luck to be quick.
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0.02));

/** A server whose connections a test handles one after another. */
class ConsumerServer {
  readonly #http: Server;
  readonly #connections: ServerSocket[] = [];
  #onConnection = (): void => {};
  readonly received: unknown[] = [];
  /** Answers the handshake instead: a status, and a body. */
  refusal: { readonly status: number; readonly body: string } | undefined;
  /** Whether handshakes are left unanswered. */
  isSilent = false;
  readonly #asked = Promise.withResolvers<void>();
  /** How many handshakes there were. */
  handshakes = 0;

  private constructor() {
    const websockets = new WebSocketServer({ noServer: true });
    this.#http = createServer((_, response) => {
      const { status, body } = this.refusal ?? { status: 426, body: "" };
      response.writeHead(status).end(body);
    });
    this.#http.on("upgrade", (request, socket, head) => {
      this.handshakes += 1;
      this.#asked.resolve();
      if (this.isSilent) {
        socket.on("end", () => socket.end()).resume();
        return;
      }
      if (this.refusal) {
        socket.end("HTTP/1.1 400 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
      }
      websockets.handleUpgrade(request, socket, head, (websocket) => {
        websocket.on("message", (data: Buffer) => this.received.push(JSON.parse(data.toString())));
        this.#connections.push(websocket);
        this.#onConnection();
      });
    });
  }

  static async start(): Promise<ConsumerServer> {
    const server = new ConsumerServer();
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    onTestFinished(async () => {
      for (const connection of server.#connections) connection.terminate();
      server.#http.closeAllConnections();
      server.#http.close();
      await once(server.#http, "close");
    });
    return server;
  }

  /** Settles at the first handshake. */
  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/ws/chat`;
  }

  /** The connection number `index`, when it has come. */
  async connection(index = 0): Promise<ServerSocket> {
    while (this.#connections.length <= index) {
      await new Promise<void>((resolve) => (this.#onConnection = resolve));
    }
    return this.#connections[index]!;
  }
}

interface ChatTypes {
  readonly types?: {
    readonly receives: { readonly text: string };
    readonly events:
      | { readonly type: "said"; readonly text: string }
      | { readonly type: "left"; readonly name: string };
    readonly replies: undefined;
  };
}

function begin(server: ConsumerServer, options: ConnectOptions = {}) {
  const changes: StatusChange[] = [];
  let onChange = (): void => {};
  const room = connect<ChatTypes>(server.url, {
    plain: true,
    ...options,
    onStatus(change) {
      changes.push(change);
      onChange();
    },
  });
  onTestFinished(() => room.close());
  return {
    room,
    changes,
    /** Waits until the status has been reported `count` times. */
    async reached(status: string, count = 1): Promise<StatusChange> {
      for (;;) {
        const found = changes.filter((change) => change.status === status)[count - 1];
        if (found) return found;
        await new Promise<void>((resolve) => (onChange = resolve));
      }
    },
  };
}

function next(subscribe: (listener: (value: unknown) => void) => () => void): Promise<unknown> {
  return new Promise((resolve) => {
    const off = subscribe((value) => {
      off();
      resolve(value);
    });
  });
}

describe("connect", () => {
  test("refuses to poll less often than the server waits for", () => {
    for (const pollMs of [0, 30_000, NaN]) {
      expect(() => connect("http://127.0.0.1:1/", { pollMs })).toThrow("expected `pollMs`");
    }
  });

  test("hands events to those who listen for their type, and every message to the rest", async () => {
    const server = await ConsumerServer.start();
    const { room } = begin(server);
    const heard: unknown[] = [];
    const off = room.on("said", ({ text }) => heard.push(text));
    room.on("left", ({ name }) => heard.push(`${name} left`));
    room.onMessage((message) => heard.push(message));
    const socket = await server.connection();
    socket.send('{"type":"said","text":"hi"}');
    socket.send('{"type":"left","name":"Ada"}');
    socket.send("[1]");
    socket.send(Buffer.from("binary"));
    socket.send('{"type":5}');
    let done = next((listener) => room.on("error", listener));
    socket.send('{"type":"error","code":"MESSAGE_INVALID","message":"no","issues":[]}');
    expect(await done).toMatchObject({ code: "MESSAGE_INVALID" });
    expect(heard.slice(0, 6)).toEqual([
      { type: "said", text: "hi" },
      "hi",
      { type: "left", name: "Ada" },
      "Ada left",
      [1],
      { type: 5 },
    ]);
    off();
    done = next((listener) => room.onMessage(listener));
    socket.send('{"type":"said","text":"again"}');
    await done;
    expect(heard).not.toContain("again");
  });

  test("hands texts and bytes on in the order in which they came", async () => {
    const server = await ConsumerServer.start();
    const { room } = begin(server);
    const heard: unknown[] = [];
    room.onMessage((message) => heard.push(message));
    room.onBytes((bytes) => heard.push([...bytes]));
    const socket = await server.connection();
    // In one piece, as a server writes what one tick has brought.
    socket.send("1");
    socket.send(Buffer.from([2]));
    socket.send("3");
    socket.send(Buffer.from([4]));
    await expect.poll(() => heard).toHaveLength(4);
    expect(heard).toEqual([1, [2], 3, [4]]);
  });

  test("sends in order, also what was sent before it was open", async () => {
    const server = await ConsumerServer.start();
    const { room, reached } = begin(server);
    expect(room.status).toBe("connecting");
    const early = [room.send({ text: "1" }), room.send({ text: "2" })];
    room.onStatus(({ status }) => {
      if (status === "open") void room.send({ text: "3" });
    });
    await Promise.all(early);
    expect(room.status).toBe("open");
    await reached("open");
    await room.send({ text: "4" });
    const socket = await server.connection();
    while (server.received.length < 4) await once(socket, "message");
    expect(server.received).toEqual(["1", "2", "3", "4"].map((text) => ({ text })));
  });

  test("comes back when the connection breaks, and then sends what was wanted meanwhile", async () => {
    const server = await ConsumerServer.start();
    const { room, changes, reached } = begin(server);
    (await server.connection(0)).terminate();
    expect(await reached("waiting")).toMatchObject({ code: 1006, retryInMs: expect.any(Number) });
    const meanwhile = room.send({ text: "meanwhile" });
    await reached("open", 2);
    await meanwhile;
    (await server.connection(1)).close(1011, "handler failed");
    expect(await reached("waiting", 2)).toMatchObject({ code: 1011, reason: "handler failed" });
    await reached("open", 3);
    await room.send({ text: "there" });
    expect(changes.map(({ status }) => status)).toEqual(
      "connecting open waiting connecting open waiting connecting open".split(" "),
    );
  });

  test.each([1001, 1012, 1013, 4000, 4399, 4500])(
    "comes back after %d (PROTOCOL.md 4.6)",
    async (code) => {
      const server = await ConsumerServer.start();
      const { reached } = begin(server);
      (await server.connection(0)).close(code);
      expect(await reached("waiting")).toMatchObject({ code });
      await server.connection(1);
    },
  );

  test.each([
    [1000, "bye"],
    [1008, "policy"],
    [4401, "sign in first"],
    [4403, "staff only"],
  ])("stays away after %d, and says why (PROTOCOL.md 4.6)", async (code, reason) => {
    const server = await ConsumerServer.start();
    const { room, reached } = begin(server);
    (await server.connection()).close(code, reason);
    expect(await reached("closed")).toMatchObject({ status: "closed", code, reason });
    expect(room.status).toBe("closed");
    await expect(room.send({ text: "x" })).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    expect(server.handshakes).toBe(1);
  });

  test("finds out why a handshake was refused, which a browser does not tell (PROTOCOL.md 4.5)", async () => {
    const server = await ConsumerServer.start();
    const error = { code: "REQUEST_FORBIDDEN_ORIGIN", message: "this origin is not allowed" };
    server.refusal = { status: 403, body: JSON.stringify({ error }) };
    const { room, reached } = begin(server);
    const early = room.send({ text: "x" });
    await expect(early).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    expect(await reached("closed")).toEqual({
      status: "closed",
      transport: "websocket",
      code: 4403,
      reason: error.message,
    });
  });

  test("lets a server of others be silent, and hands on whatever it says", async () => {
    const server = await ConsumerServer.start();
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const { room, changes, reached } = begin(server);
    const connection = await server.connection();
    await reached("open");
    vi.advanceTimersByTime(3_600_000);
    const message = next((listener) => room.onMessage(listener));
    connection.send("{}");
    expect(await message).toEqual({});
    expect(changes.map(({ status }) => status)).toEqual(["connecting", "open"]);
  });

  test("gives up a handshake that nobody answers", async () => {
    const server = await ConsumerServer.start();
    server.isSilent = true;
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const { reached } = begin(server);
    await server.asked;
    vi.advanceTimersByTime(9_999);
    vi.advanceTimersByTime(1);
    expect(await reached("waiting")).toMatchObject({ reason: "no answer in time" });
  });

  test.each([
    ["the network goes", "offline", "online"],
    ["the page is put aside", "pagehide", "pageshow"],
  ])("does not trust a connection when %s, and tries at once afterwards", async (_, away, back) => {
    const server = await ConsumerServer.start();
    const page = new EventTarget();
    vi.stubGlobal("location", { href: server.url });
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    vi.spyOn(Math, "random").mockReturnValue(0.999_999);
    const { room, reached } = begin(server);
    await reached("open");
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
    expect(room.status).toBe("open");
    page.dispatchEvent(Object.assign(new Event(away), { persisted: true }));
    expect(await reached("waiting")).toMatchObject({
      reason: "the network is away",
      retryInMs: 500,
    });
    page.dispatchEvent(new Event(back));
    await reached("open", 2);
  });

  test("goes on trying when the address is there and only the handshake fails", async () => {
    const server = await ConsumerServer.start();
    server.refusal = { status: 426, body: "" };
    const { reached } = begin(server);
    await reached("waiting", 2);
    server.refusal = undefined;
    await reached("open");
    expect(server.handshakes).toBe(3);
  });

  test("closes for good, by itself or by a signal", async () => {
    const server = await ConsumerServer.start();
    const abort = new AbortController();
    for (const [index, close] of [undefined, abort].entries()) {
      const { room, reached } = begin(server, { signal: abort.signal });
      const closed = once(await server.connection(index), "close");
      await reached("open");
      if (close) close.abort();
      else room.close();
      expect((await closed)[0]).toBe(1000);
      expect(await reached("closed")).toEqual({ status: "closed", transport: "websocket" });
      room.close();
    }
  });

  test("refuses what JSON cannot carry, and more than it can hold", async () => {
    const server = await ConsumerServer.start();
    const { room } = begin(server);
    await expect(room.send(undefined as never)).rejects.toMatchObject({ code: "MESSAGE_INVALID" });
    const sends = Array.from({ length: 101 }, () => room.send({ text: "x" }));
    const outcomes = await Promise.allSettled(sends);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(100);
    expect(outcomes[100]).toMatchObject({ reason: { code: "CLIENT_OVERLOADED" } });
    const socket = await server.connection();
    socket.pause();
    const large = { text: "x".repeat(1024 * 1024) };
    const flood = await Promise.allSettled(Array.from({ length: 12 }, () => room.send(large)));
    expect(flood.at(-1)).toMatchObject({ reason: { code: "CLIENT_OVERLOADED" } });
    socket.resume();
  });

  test("closes on a message that is no JSON", async () => {
    const server = await ConsumerServer.start();
    const { reached } = begin(server);
    (await server.connection()).send("hello");
    expect(await reached("closed")).toEqual({
      status: "closed",
      transport: "websocket",
      reason: "expected JSON from the server",
    });
  });

  test("calls every listener, whatever another one throws, and lets the page know of it", async () => {
    const server = await ConsumerServer.start();
    const { room } = begin(server);
    const thrown: unknown[] = [];
    vi.stubGlobal("queueMicrotask", (task: () => void) => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    });
    room.on("said", () => {
      throw new Error("broken listener");
    });
    const heard = next((listener) => room.on("said", listener));
    (await server.connection()).send('{"type":"said","text":"hi"}');
    expect(await heard).toEqual({ type: "said", text: "hi" });
    expect(thrown).toEqual([new Error("broken listener")]);
  });
});
