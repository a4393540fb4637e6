import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { allowedOrigins, consumer, httpConsumer, use } from "tidings";
import { expect, test } from "vitest";

import { serve } from "./serve.ts";
import { refusedHandshake, Socket } from "./socket.ts";

const whoami = httpConsumer({
  path: "/whoami",
  handle: (asked, { address }) => Response.json({ url: asked.url, address }),
});
const chat = consumer({
  path: "/ws/chat",
  connect: (connection) => connection.send(connection.request.url),
});
const pages = (asked: Request): Response => new Response(asked.url);
const proxied = {
  "x-forwarded-for": "6.6.6.6, 192.0.2.1",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "site.example",
};

test("a trusted proxy tells the client's address, scheme and host", async () => {
  await using server = await serve(
    () => ({ routes: [whoami], http: pages }),
    {},
    {
      trustedProxies: ["127.0.0.0/8"],
    },
  );
  const response = await fetch(`${server.url}/whoami?x=1`, { headers: proxied });
  expect(await response.json()).toEqual({
    url: "https://site.example/whoami?x=1",
    address: "192.0.2.1",
  });
  expect(await (await fetch(`${server.url}/page`, { headers: proxied })).text()).toBe(
    "https://site.example/page",
  );
  const forwarded = "for=6.6.6.6;proto=https";
  const other = await fetch(`${server.url}/whoami`, { headers: { forwarded } });
  expect(await other.json()).toEqual({ url: `${server.url}/whoami`, address: "127.0.0.1" });
});

test("nobody else's word counts", async () => {
  await using server = await serve(
    () => ({ routes: [whoami] }),
    {},
    {
      trustedProxies: ["192.0.2.0/24"],
    },
  );
  const response = await fetch(`${server.url}/whoami`, { headers: proxied });
  expect(await response.json()).toEqual({ url: `${server.url}/whoami`, address: "127.0.0.1" });
});

test("a proxy may write `Forwarded` instead", async () => {
  await using server = await serve(
    () => ({ routes: [whoami] }),
    {},
    {
      trustedProxies: "loopback",
      proxyHeaders: "forwarded",
    },
  );
  const headers = { ...proxied, forwarded: "for=192.0.2.9;proto=https;host=other.example:8443" };
  const response = await fetch(`${server.url}/whoami`, { headers });
  expect(await response.json()).toEqual({
    url: "https://other.example:8443/whoami",
    address: "192.0.2.9",
  });
});

test("an origin is compared with what the client asked for", async () => {
  const routes = [use([allowedOrigins([])], [chat])];
  await using server = await serve(() => ({ routes }), {}, { trustedProxies: "loopback" });
  const url = `${server.webSocketUrl}/ws/chat`;
  await using socket = await Socket.open(url, [], {
    headers: proxied,
    origin: "https://site.example",
  });
  expect(await socket.next()).toBe("https://site.example/ws/chat");
  const refusal = await refusedHandshake(url, { headers: proxied, origin: server.url });
  expect(refusal.status).toBe(403);
});

test("a proxy on this machine may come through a Unix socket", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidings-"));
  const socketPath = join(folder, "server.sock");
  await using server = await serve(
    () => ({ routes: [whoami] }),
    {},
    {
      unixSocket: socketPath,
      trustedProxies: "loopback",
    },
  );
  expect(server.server.url).toBe(`unix:${socketPath}`);
  const asked = request({ socketPath, path: "/whoami", headers: proxied }).end();
  const [response] = await once(asked, "response");
  let body = "";
  for await (const chunk of response) body += String(chunk);
  expect(JSON.parse(body)).toEqual({ url: "https://site.example/whoami", address: "192.0.2.1" });
  rmSync(folder, { recursive: true });
});
