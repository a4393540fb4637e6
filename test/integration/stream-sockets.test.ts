import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { consumer, feed, forward, type ServerOptions } from "tidings";
import { expect, test } from "vitest";

import { Certificate } from "../redis/certificate.ts";
import { eventually } from "../redis/eventually.ts";
import { serve, type TestServer } from "./serve.ts";

const news = feed({
  path: "/news",
  group: "news",
  snapshot: () => "start",
  on: { news: forward(({ text }) => text) },
});
const room = consumer({ path: "/room", connect: (connection) => connection.send("hello") });
/** A page that goes on for as long as somebody reads it. */
const page = async (): Promise<Response> =>
  new Response(
    new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from("of the page")),
    }),
  );
const start = (options: Omit<ServerOptions, "limits" | "logger" | "port"> = {}) =>
  serve(() => ({ routes: [news, room], http: page }), {}, options);

const LINES = "Host: x\r\nAccept: text/event-stream\r\n\r\n";
const POLL = "GET /news HTTP/1.1\r\nHost: x\r\n\r\n";

/** A socket, and all that has come on it. */
class Line implements Disposable {
  readonly socket: Socket;
  text = "";

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => (this.text += chunk.toString()));
    socket.on("error", () => {});
  }

  static to({ server }: TestServer): Line {
    return new Line(connect({ port: server.port, host: "127.0.0.1" }));
  }

  async until(text: string): Promise<string> {
    await eventually(() => this.text.includes(text));
    return this.text;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** The requests that Node's HTTP has made a response for. */
function watchNode(): Disposable & { readonly targets: readonly string[] } {
  const targets: string[] = [];
  const onStart = (message: unknown): void => {
    const { request } = message as { readonly request: { readonly url: string } };
    targets.push(request.url);
  };
  subscribe("http.server.request.start", onStart);
  return {
    targets,
    [Symbol.dispose]: () => void unsubscribe("http.server.request.start", onStart),
  };
}

test.each(["HTTP/1.1", "HTTP/1.0"])(
  "a stream for %s is a head, what it has to say, and the end of its connection",
  async (version) => {
    using node = watchNode();
    const server = await start();
    using line = Line.to(server);
    line.socket.write(`GET /news?x ${version}\r\n${LINES}`);
    const head = (await line.until("start")).split("\r\n\r\n")[0]?.split("\r\n") ?? [];
    expect(head[0]).toBe("HTTP/1.1 200 OK");
    expect(head).toContain("connection: close");
    expect(head.some((header) => /^date: \w{3}, \d\d \w{3} \d{4} /.test(header))).toBe(true);
    expect(line.text).not.toMatch(/transfer-encoding|content-length/i);
    const closed = once(line.socket, "close");
    await server[Symbol.asyncDispose]();
    await closed;
    expect(line.text).toMatch(/retry: \d+\n\n$/);
    expect(node.targets).toEqual([]);
  },
);

test("a stream is answered after what was asked for on the same connection before it", async () => {
  await using server = await start();
  using line = Line.to(server);
  line.socket.write(`${POLL}GET /news HTTP/1.1\r\n${LINES}`);
  await line.until('data: "start"');
  expect(line.text.indexOf("application/json")).toBeLessThan(line.text.indexOf("event-stream"));
  expect(line.text.match(/^connection: \S+/gim)).toEqual([
    "Connection: keep-alive",
    "Connection: close",
  ]);
});

test("what a client sends after it has asked for a stream is nobody's", async () => {
  await using server = await start();
  using line = Line.to(server);
  line.socket.write(`GET /room HTTP/1.1\r\n${LINES}${POLL}`);
  await line.until('data: "hello"');
  const { promise: taken, resolve } = Promise.withResolvers<unknown>();
  line.socket.write("more".repeat(2_000_000), resolve);
  await taken;
  expect(line.text).not.toContain("application/json");
});

test("a client that closes its half of the connection has had enough", async () => {
  await using server = await start();
  using line = Line.to(server);
  line.socket.write(`GET /news HTTP/1.1\r\n${LINES}`);
  await line.until("start");
  const closed = once(line.socket, "close");
  line.socket.end();
  await closed;
  await expect.poll(() => server.server.connectionCount).toBe(0);
});

test("a stream that is refused, a body, a page and another protocol are answered as ever", async () => {
  await using server = await start();
  const answerTo = async (text: string, end: string): Promise<string> => {
    using line = Line.to(server);
    line.socket.write(text);
    return await line.until(end);
  };
  expect(await answerTo(`GET /news HTTP/1.1\r\n${LINES.slice(9)}`, "\r\n\r\n")).toContain(" 400 ");
  const withBody = `GET /news HTTP/1.1\r\nContent-Length: 2\r\n${LINES}ok`;
  expect(await answerTo(withBody, "start")).toContain(" 200 ");
  const h2c = `GET /news HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${LINES}`;
  expect(await answerTo(h2c, "start")).toContain(" 200 ");
  using polling = Line.to(server);
  polling.socket.write(h2c.replace("text/event-stream", "application/json"));
  await polling.until("start");
  polling.socket.write(POLL);
  await eventually(() => polling.text.match(/"start"/g)?.length === 2);
  expect(await answerTo(`GET /page HTTP/1.1\r\n${LINES}`, "of the page")).toContain(" 200 ");
});

test.each([true, false])(
  "a stream over TLS is written to its socket, with HTTP/2: %s",
  async (http2) => {
    using node = watchNode();
    using certificate = new Certificate();
    const tls = {
      cert: readFileSync(certificate.certFile),
      key: readFileSync(certificate.keyFile),
    };
    await using server = await start({ tls, http2 });
    const { port } = server.server;
    using line = new Line(connectTls({ port, host: "127.0.0.1", ca: certificate.pem }));
    line.socket.write(`GET /news HTTP/1.1\r\n${LINES}`);
    await line.until("start");
    expect(node.targets).toEqual([]);
  },
);
