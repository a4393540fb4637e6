import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { request } from "node:https";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";

import { consumer, feed, forward, type ServerOptions } from "tidings";
import { expect, test } from "vitest";
import { z } from "zod";

import { Certificate } from "../redis/certificate.ts";
import { eventually } from "../redis/eventually.ts";
import { serve, type TestServer } from "./serve.ts";
import { Socket } from "./socket.ts";

const echo = consumer({
  path: "/ws/echo",
  receives: z.string(),
  receive: (connection, text) => connection.send(text),
});
const news = feed({
  path: "/news",
  group: "news",
  snapshot: () => ({ text: "start" }),
  on: { news: forward((event) => ({ text: event["text"] })) },
});

const tlsOf = ({ certFile, keyFile }: Certificate): NonNullable<ServerOptions["tls"]> => ({
  cert: readFileSync(certFile),
  key: readFileSync(keyFile),
});

const pages = async (asked: Request): Promise<Response> => {
  if (asked.url.endsWith("/throws")) throw new Error("no");
  return new Response(`${asked.method} ${asked.url} ${await asked.text()}`, {
    headers: { connection: "keep-alive", "keep-alive": "timeout=5" },
  });
};

/** What came on a stream of HTTP/2 so far. */
interface Http2Answer {
  readonly stream: ClientHttp2Stream;
  status: number;
  text: string;
}

function ask(session: ClientHttp2Session, path: string, headers: object = {}): Http2Answer {
  const stream = session.request({ ":path": path, ...headers });
  const answer: Http2Answer = { stream, status: 0, text: "" };
  stream.on("response", (head) => (answer.status = Number(head[":status"])));
  stream.on("data", (chunk: Buffer) => (answer.text += chunk.toString()));
  stream.on("error", () => {});
  return answer;
}

function connectTo(server: TestServer, { pem }: Certificate): ClientHttp2Session {
  const session = connect(server.url, { ca: pem });
  session.on("error", () => {});
  return session;
}

test("pages are served over HTTP/2 and HTTP/1.1, from the same port", async () => {
  using certificate = new Certificate();
  await using server = await serve(() => ({ http: pages }), {}, { tls: tlsOf(certificate) });
  expect(server.server.url).toBe(`https://localhost:${server.server.port}`);
  const session = connectTo(server, certificate);
  const page = ask(session, "/page", { ":method": "POST" });
  page.stream.end("body");
  await once(page.stream, "close");
  expect([page.status, page.text]).toEqual([200, `POST ${server.url}/page body`]);
  const failed = ask(session, "/throws");
  await once(failed.stream, "close");
  expect(failed.status).toBe(500);
  const large = ask(session, "/page", { ":method": "POST", "content-length": "2000000" });
  await eventually(() => large.status);
  expect(large.status).toBe(413);
  session.destroy();
  const asked = request(`${server.url}/old`, { ca: certificate.pem }).end();
  const [response] = await once(asked, "response");
  expect([response.statusCode, response.httpVersion]).toEqual([200, "1.1"]);
  response.resume();
});

test("a hundred event streams share one connection of HTTP/2", async () => {
  using certificate = new Certificate();
  await using server = await serve(() => ({ routes: [news] }), {}, { tls: tlsOf(certificate) });
  const session = connectTo(server, certificate);
  const streams = Array.from({ length: 100 }, () =>
    ask(session, "/news", { accept: "text/event-stream" }),
  );
  await eventually(() => streams.every(({ text }) => text.includes('"text":"start"')));
  expect(server.server.connectionCount).toBe(100);
  await server.app.layer.groupSend("news", { type: "news", text: "extra" });
  await eventually(() => streams.every(({ text }) => text.includes('"text":"extra"')));
  for (const { stream } of streams.slice(0, 50)) stream.close();
  await eventually(() => server.server.connectionCount === 50);
  const lines = ask(session, "/news", { accept: "application/x-ndjson" });
  await eventually(() => lines.text.includes('"text":"start"'));
  const poll = ask(session, "/news", { accept: "application/json" });
  await once(poll.stream, "close");
  expect(poll.text).toContain('"data":{"text":"start"}');
  const closed = once(session, "close");
  await server.server.stop();
  await closed;
  expect(streams[99]?.text).toMatch(/retry: \d+\n\n$/);
  expect(server.log).toEqual([]);
});

test("a consumer's streams, polls and posts share one connection of HTTP/2", async () => {
  using certificate = new Certificate();
  await using server = await serve(() => ({ routes: [echo] }), {}, { tls: tlsOf(certificate) });
  const session = connectTo(server, certificate);
  const accept = "text/event-stream";
  const streams = [ask(session, "/ws/echo", { accept }), ask(session, "/ws/echo", { accept })];
  await eventually(() => streams.every(({ text }) => text.includes("event: connection")));
  const [one, two] = streams.map(({ text }) => /"connection":"([^"]+)"/.exec(text)?.[1] ?? "");
  const post = ask(session, `/ws/echo?connection=${one}`, { ":method": "POST" });
  post.stream.end(JSON.stringify({ id: 1, data: "hello" }));
  await once(post.stream, "close");
  expect([post.status, post.text]).toEqual([200, '{"answers":[{"ack":1}]}']);
  await eventually(() => streams[0]?.text.includes('data: "hello"'));
  expect(streams[1]?.text).not.toContain("hello");
  // Another stream of the same connection goes on with what the first one read.
  streams[0]?.stream.close();
  const again = ask(session, `/ws/echo?cursor=${one}.0`, { accept: "application/json" });
  await once(again.stream, "close");
  expect(again.text).toContain('"events":[{"cursor"');
  const ended = ask(session, `/ws/echo?connection=${two}`, { ":method": "DELETE" });
  await once(ended.stream, "close");
  expect(ended.status).toBe(204);
  await eventually(() => streams[1]?.text.includes("event: close"));
  session.destroy();
  expect(server.log).toEqual([]);
});

test("a stream of HTTP/2 that nobody reads is cut off, and its neighbour misses nothing", async () => {
  using certificate = new Certificate();
  const limits = { maxOutboxBytes: 256 * 1024 };
  await using server = await serve(() => ({ routes: [news] }), limits, { tls: tlsOf(certificate) });
  const session = connectTo(server, certificate);
  const quick = ask(session, "/news", { accept: "text/event-stream" });
  const slow = session.request({ ":path": "/news", accept: "text/event-stream" });
  slow.on("error", () => {});
  await eventually(() => server.server.connectionCount === 2);
  const text = "x".repeat(64 * 1024);
  for (let sent = 1; server.server.connectionCount === 2; sent++) {
    await server.app.layer.groupSend("news", { type: "news", text });
    await eventually(() => quick.text.length > sent * text.length);
  }
  expect(server.server.connectionCount).toBe(1);
  session.destroy();
});

test("WebSockets work over TLS, with HTTP/2 and without", async () => {
  using certificate = new Certificate();
  for (const http2 of [true, false]) {
    const options = { tls: tlsOf(certificate), http2 };
    await using server = await serve(() => ({ routes: [echo] }), {}, options);
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/echo`, [], {
      ca: certificate.pem,
    });
    socket.send("hello");
    expect(await socket.next()).toBe("hello");
    await server.server.stop();
    expect((await socket.closed).code).toBe(1001);
  }
});

test("a certificate is renewed without a restart", async () => {
  using first = new Certificate();
  using second = new Certificate();
  await using server = await serve(() => ({ http: pages }), {}, { tls: tlsOf(first) });
  const presented = async (): Promise<string> => {
    const socket = connectTls({
      host: "127.0.0.1",
      port: server.server.port,
      ca: [first.pem, second.pem],
    });
    await once(socket, "secureConnect");
    const der = socket.getPeerCertificate().raw.toString("base64");
    socket.destroy();
    return der;
  };
  const before = await presented();
  server.server.setTls(tlsOf(second));
  const after = await presented();
  expect(after).not.toBe(before);
  expect(second.pem.replaceAll(/\s/g, "")).toContain(after);
});

test("a stop does not wait for a connection that never gets as far as TLS, or idles in HTTP/2", async () => {
  using certificate = new Certificate();
  // Longer than any test may take.
  const limits = { handshakeTimeoutMs: 600_000, keepAliveTimeoutMs: 600_000 };
  await using server = await serve(() => ({ http: pages }), limits, { tls: tlsOf(certificate) });
  const silent = connectTcp(server.server.port, "127.0.0.1");
  await once(silent, "connect");
  const session = connectTo(server, certificate);
  await once(ask(session, "/").stream, "close");
  await server.server.stop();
  expect(server.server.state).toBe("stopped");
  silent.destroy();
  session.destroy();
});

test("a request that does not come over TLS has the time that the limits give it", async () => {
  using certificate = new Certificate();
  const limits = { handshakeTimeoutMs: 500, requestTimeoutMs: 1_000 };
  await using server = await serve(() => ({ http: pages }), limits, { tls: tlsOf(certificate) });
  const { port } = server.server;
  const half = [
    "GET / HTTP/1.1\r\nhost: a",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1",
  ];
  const answers = half.map(async (text) => {
    const socket = connectTls({ host: "127.0.0.1", port, ca: certificate.pem });
    socket.write(text);
    const [answer] = await once(socket, "data");
    socket.destroy();
    return String(answer).split("\r\n", 1)[0];
  });
  expect(await Promise.all(answers)).toEqual(
    Array.from(half, () => "HTTP/1.1 408 Request Timeout"),
  );
});

test("a header that is too large over HTTP/2 is answered with 431, and its neighbour lives on", async () => {
  using certificate = new Certificate();
  await using server = await serve(() => ({ http: pages }), {}, { tls: tlsOf(certificate) });
  const session = connectTo(server, certificate);
  const large = ask(session, "/large", { "x-large": "x".repeat(20_000) });
  await once(large.stream, "close");
  expect(large.status).toBe(431);
  const small = ask(session, "/small", { "x-large": "x".repeat(10_000) });
  await once(small.stream, "close");
  expect(small.status).toBe(200);
  session.destroy();
});

test("a body that does not come over HTTP/2 is answered with 408, and its neighbour lives on", async () => {
  using certificate = new Certificate();
  const limits = { requestTimeoutMs: 500, keepAliveTimeoutMs: 60_000 };
  await using server = await serve(() => ({ http: pages, routes: [news] }), limits, {
    tls: tlsOf(certificate),
  });
  const session = connectTo(server, certificate);
  const neighbour = ask(session, "/news", { accept: "application/x-ndjson" });
  const stalled = ask(session, "/", { ":method": "POST" });
  stalled.stream.write("half of it");
  await eventually(() => stalled.stream.closed);
  expect(stalled.status).toBe(408);
  expect(JSON.parse(stalled.text)).toMatchObject({ error: { code: "REQUEST_TIMED_OUT" } });
  const whole = ask(session, "/whole", { ":method": "POST" });
  whole.stream.end("all of it");
  await eventually(() => whole.text.endsWith("all of it"));
  await server.app.layer.groupSend("news", { type: "news", text: "more" });
  await eventually(() => neighbour.text.includes("more"));
  expect(server.log).toEqual([]);
  session.destroy();
  await server.server.stop(); // the handler that waited is done, too
});
