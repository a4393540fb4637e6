import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { inflateSync } from "node:zlib";

import {
  consumer,
  djangoCache,
  djangoDatabase,
  djangoSessions,
  djangoSignedCookies,
  feed,
  use,
  type Middleware,
} from "tidings";
import type { DjangoSessionEngine, DjangoSessionsOptions } from "tidings/identity";
import { openRedis } from "tidings/redis";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { serve, type TestServer } from "../../integration/serve.ts";
import { refusedHandshake, Socket } from "../../integration/socket.ts";
import { openStream } from "../../integration/stream.ts";
import { eventually } from "../../redis/eventually.ts";
import { RedisServer } from "../../redis/redis-server.ts";
import { DjangoSite } from "./django-site.ts";

const RECHECK_MS = 200;

const greeting = consumer({
  path: "/ws/greeting",
  receives: z.object({ question: z.string() }),
  receive: (connection) => connection.send({ answer: connection.user?.name ?? null }),
  connect: (connection) => connection.send({ user: connection.user?.name ?? null }),
});

const news = feed({
  path: "/news",
  group: () => "news",
  authorize: ({ user }) => user !== null,
  snapshot: () => ({ text: "for those who signed in" }),
});

describe("a user who signed in at a Django site", () => {
  test("is recognised by a session in the database, until the logout", async () => {
    await using site = await DjangoSite.start({ engine: "db" });
    using database = djangoDatabase({ sqlite: site.database });
    await using server = await serveWith(sessionsOf(site, { database }));
    const cookie = await site.signIn("ada");
    expect(await recognised(server, cookie)).toEqual({ webSocket: "ada", feed: 200 });
    expect(await recognised(server, await site.signIn("grace"))).toMatchObject({
      webSocket: "grace",
    });
    expect(await recognised(server, "")).toEqual({ webSocket: null, feed: 401 });
    expect(await recognised(server, `${cookie}x`)).toEqual({ webSocket: null, feed: 401 });
    await expectEndedBy(() => site.signOut(cookie), { server, cookie });
    expect(await recognised(server, cookie)).toEqual({ webSocket: null, feed: 401 });
    expect(await site.who(cookie)).toBeNull();
  });

  test("stays connected for as long as the session holds", async () => {
    await using site = await DjangoSite.start({ engine: "db" });
    using database = djangoDatabase({ sqlite: site.database });
    let looks = 0;
    const engine: DjangoSessionEngine = {
      async load(cookie, keys) {
        looks += 1;
        return await database.load(cookie, keys);
      },
    };
    await using server = await serveWith(sessionsOf(site, { database, engine }));
    const headers = { cookie: await site.signIn("ada") };
    await using socket = await Socket.open(`${server.webSocketUrl}/ws/greeting`, [], { headers });
    await eventually(() => looks >= 3);
    expect(await socket.next()).toEqual({ user: "ada" });
    socket.send({ question: "still there?" });
    expect(await socket.next()).toEqual({ answer: "ada" });
  });

  test("is nobody after a new password, and while not active", async () => {
    await using site = await DjangoSite.start({ engine: "db" });
    using database = djangoDatabase({ sqlite: site.database });
    await using server = await serveWith(sessionsOf(site, { database }));
    const ada = await site.signIn("ada");
    const grace = await site.signIn("grace");
    await expectEndedBy(() => site.change({ name: "ada", password: "new" }), {
      server,
      cookie: ada,
    });
    expect(await recognised(server, ada)).toMatchObject({ webSocket: null });
    await site.change({ name: "grace", is_active: false });
    expect(await recognised(server, grace)).toMatchObject({ webSocket: null });
    await site.change({ name: "grace", is_active: true });
    expect(await recognised(server, grace)).toMatchObject({ webSocket: "grace" });
    expect([await site.who(ada), await site.who(grace)]).toEqual([null, "grace"]);
  });

  test("is recognised by a session that the database keeps in the site's own time", async () => {
    const settings = { USE_TZ: false, TIME_ZONE: "Pacific/Auckland", SESSION_COOKIE_AGE: 3600 };
    await using site = await DjangoSite.start({ engine: "cached_db", settings });
    using inTime = djangoDatabase({ sqlite: site.database, timeZone: "Pacific/Auckland" });
    using late = djangoDatabase({ sqlite: site.database, timeZone: "Pacific/Kiritimati" });
    const cookie = await site.signIn("ada");
    await using server = await serveWith(sessionsOf(site, { database: inTime }));
    expect(await recognised(server, cookie)).toEqual({ webSocket: "ada", feed: 200 });
    await using other = await serveWith(sessionsOf(site, { database: late }));
    expect(await recognised(other, cookie)).toEqual({ webSocket: null, feed: 401 });
  });

  test("is recognised by SHA-1 as Django 3.2 allows, only when that is said", async () => {
    const settings = { DEFAULT_HASHING_ALGORITHM: "sha1" };
    await using site = await DjangoSite.start({ engine: "db", settings });
    using database = djangoDatabase({ sqlite: site.database });
    const cookie = await site.signIn("ada");
    await using strict = await serveWith(sessionsOf(site, { database }));
    expect(await recognised(strict, cookie)).toMatchObject({ webSocket: null });
    await using server = await serveWith(sessionsOf(site, { database, allowSha1: true }));
    expect(await recognised(server, cookie)).toMatchObject({ webSocket: "ada" });
  });

  test("is recognised by a session of a former key, while that is a fallback", async () => {
    await using site = await DjangoSite.start({ engine: "db" });
    using database = djangoDatabase({ sqlite: site.database });
    const cookie = await site.signIn("ada");
    const secretKey = "the next key";
    await using strict = await serveWith(sessionsOf(site, { database, secretKey }));
    expect(await recognised(strict, cookie)).toMatchObject({ webSocket: null });
    const secretKeyFallbacks = [site.secretKey];
    const rotated = sessionsOf(site, { database, secretKey, secretKeyFallbacks });
    await using server = await serveWith(rotated);
    expect(await recognised(server, cookie)).toMatchObject({ webSocket: "ada" });
  });

  test("is refused to a page of another site, which only sends the cookie along", async () => {
    await using site = await DjangoSite.start({ engine: "db" });
    using database = djangoDatabase({ sqlite: site.database });
    await using server = await serveWith(sessionsOf(site, { database }));
    const headers = { cookie: await site.signIn("ada"), origin: "https://evil.example" };
    const url = `${server.webSocketUrl}/ws/greeting`;
    expect(await refusedHandshake(url, { headers })).toMatchObject({ status: 403 });
    expect((await fetch(`${server.url}/news`, { headers })).status).toBe(403);
  });

  test("is recognised by a signed cookie, until it is too old or the password is new", async () => {
    await using site = await DjangoSite.start({ engine: "signed_cookies" });
    using database = djangoDatabase({ sqlite: site.database });
    const engine = djangoSignedCookies();
    await using server = await serveWith(sessionsOf(site, { database, engine }));
    const cookie = await site.signIn("ada");
    expect(await recognised(server, cookie)).toEqual({ webSocket: "ada", feed: 200 });
    const forged = cookie.replace(/.$/, (last) => (last === "A" ? "E" : "A"));
    expect(await recognised(server, forged)).toEqual({ webSocket: null, feed: 401 });
    const short = djangoSignedCookies({ cookieAgeMs: 0 });
    await using strict = await serveWith(sessionsOf(site, { database, engine: short }));
    expect(await recognised(strict, cookie)).toMatchObject({ webSocket: null });
    expect(await site.signOut(cookie)).toContain('sessionid=""; expires=Thu, 01 Jan 1970');
    expect(await recognised(server, 'sessionid=""')).toMatchObject({ webSocket: null });
    await expectEndedBy(() => site.change({ name: "ada", password: "new" }), { server, cookie });
  });

  test("is recognised by a session in Redis, until the logout or the end of Redis", async () => {
    await using redisServer = await RedisServer.start();
    await using redis = openRedis({ url: redisServer.url, commandTimeoutMs: 2_000 });
    const redisUrl = redisServer.url;
    await using site = await DjangoSite.start({ engine: "cache", cache: "redis", redis: redisUrl });
    using database = djangoDatabase({ sqlite: site.database });
    const engine = djangoCache({ redis });
    await using server = await serveWith(sessionsOf(site, { database, engine }));
    const cookie = await site.signIn("ada");
    expect(await recognised(server, cookie)).toEqual({ webSocket: "ada", feed: 200 });
    await expectEndedBy(() => site.signOut(cookie), { server, cookie });
    expect(await recognised(server, cookie)).toEqual({ webSocket: null, feed: 401 });
    const again = await site.signIn("ada");
    await redisServer.kill();
    const { status, body } = await refusedHandshake(`${server.webSocketUrl}/ws/greeting`, {
      headers: { cookie: again },
    });
    expect([status, body]).toEqual([500, expect.stringContaining("internal error")]);
    const logged = server.log.map((line) => `${line.message} ${String(line.fields["err"])}`);
    expect(logged).toContainEqual(expect.stringContaining("the cache of the Django site failed"));
    expect(logged.join()).not.toContain(again.slice("sessionid=".length));
  });

  test("is recognised by a session in a cache that is kept in the database", async () => {
    await using site = await DjangoSite.start({ engine: "cache", cache: "database" });
    using database = djangoDatabase({ sqlite: site.database });
    using tables = new DatabaseSync(site.database, { readOnly: true });
    const select = tables.prepare("SELECT value FROM cache_table WHERE cache_key = ?");
    const engine = djangoCache({
      get: (key) => {
        const value = select.get(key)?.["value"];
        return typeof value === "string" ? Buffer.from(value, "base64") : null;
      },
    });
    await using server = await serveWith(sessionsOf(site, { database, engine }));
    const cookie = await site.signIn("ada");
    expect(await recognised(server, cookie)).toEqual({ webSocket: "ada", feed: 200 });
    await site.signOut(cookie);
    expect(await recognised(server, cookie)).toEqual({ webSocket: null, feed: 401 });
  });

  test("is recognised by a session in a cache that is kept in files", async () => {
    await using site = await DjangoSite.start({ engine: "cache", cache: "file" });
    using database = djangoDatabase({ sqlite: site.database });
    const engine = djangoCache({
      get: (key) => {
        const name = `${createHash("md5").update(key).digest("hex")}.djcache`;
        const path = join(site.folder, "cache", name);
        if (!existsSync(path)) return null;
        // First a pickle of when it expires, then the value in zlib.
        return inflateSync(readFileSync(path).subarray(21));
      },
    });
    await using server = await serveWith(sessionsOf(site, { database, engine }));
    const cookie = await site.signIn("grace");
    expect(await recognised(server, cookie)).toEqual({ webSocket: "grace", feed: 200 });
    await site.signOut(cookie);
    expect(await recognised(server, cookie)).toEqual({ webSocket: null, feed: 401 });
  });
});

function sessionsOf(
  site: DjangoSite,
  options: Partial<DjangoSessionsOptions> & Pick<DjangoSessionsOptions, "database">,
): Middleware {
  return djangoSessions({
    secretKey: site.secretKey,
    recheckMs: RECHECK_MS,
    user: ({ username }) => ({ name: String(username) }),
    ...options,
  });
}

async function serveWith(middleware: Middleware): Promise<TestServer> {
  return await serve(() => ({ routes: [use([middleware], [greeting, news])] }));
}

/** Whom a new connection is taken for, over WebSocket and over SSE. */
async function recognised(
  server: TestServer,
  cookie: string,
): Promise<{ readonly webSocket: unknown; readonly feed: number }> {
  const headers = { cookie };
  await using socket = await Socket.open(`${server.webSocketUrl}/ws/greeting`, [], { headers });
  const hello = await socket.next();
  const accept = { ...headers, accept: "text/event-stream" };
  await using stream = await openStream(`${server.url}/news`, accept);
  if (stream.response.ok) await stream.until("for those who signed in");
  const webSocket = typeof hello === "object" && hello && "user" in hello ? hello.user : undefined;
  return { webSocket, feed: stream.response.status };
}

/** Expects connections that are open to be closed by what ends their session. */
async function expectEndedBy(
  end: () => Promise<unknown>,
  { server, cookie }: { readonly server: TestServer; readonly cookie: string },
): Promise<void> {
  const headers = { cookie };
  await using socket = await Socket.open(`${server.webSocketUrl}/ws/greeting`, [], { headers });
  await socket.next();
  const accept = { ...headers, accept: "text/event-stream" };
  await using stream = await openStream(`${server.url}/news`, accept);
  await stream.until("for those who signed in");
  await end();
  const [closed] = await Promise.all([
    socket.closed,
    expect(stream.until("what never comes")).rejects.toThrow("ended before"),
  ]);
  expect(closed).toEqual({ code: 3000, reason: "credentials have ended" });
}
