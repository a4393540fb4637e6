import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:tls";
import { inspect } from "node:util";

import { expect, test } from "vitest";

import { openRedis } from "../../src/redis/index.ts";
import { freePort } from "../free-port.ts";
import { Proxy } from "../torture/proxy.ts";
import { Certificate } from "./certificate.ts";
import { eventually } from "./eventually.ts";
import { RedisServer } from "./redis-server.ts";

const quick = { backoff: { baseMs: 5, maxMs: 20 } };

test("answers with bytes, numbers, lists and nothing", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis(server.url);
  expect(await redis.command(["SET", "key", Uint8Array.of(0, 255)])).toEqual(Buffer.from("OK"));
  expect(await redis.command(["GET", "key"])).toEqual(Buffer.from([0, 255]));
  expect(await redis.command(["GET", "none"])).toBeNull();
  expect(await redis.command(["INCR", "count"])).toBe(1);
  expect(await redis.command(["MGET", "count", "none"])).toEqual([Buffer.from("1"), null]);
});

test("keeps the text of a refusal, without the arguments that Redis quotes", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis(server.url);
  const refused = redis.command(["NONSENSE", "secret"]);
  await expect(refused).rejects.toMatchObject({ code: "REDIS_FAILED" });
  await expect(refused).rejects.toThrow(
    "redis refused the command: ERR unknown command 'NONSENSE'",
  );
  await expect(refused).rejects.not.toThrow("secret");
});

test("runs transactions, and says which command of one was refused", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis(server.url);
  const replies = await redis.transaction([
    ["SET", "a", "1"],
    ["INCR", "a"],
  ]);
  expect(replies).toEqual([Buffer.from("OK"), 2]);
  const refused = redis.transaction([["INCR", "a", "b"]]);
  await expect(refused).rejects.toThrow("wrong number of arguments");
  await expect(redis.transaction([["LPUSH", "a", "x"]])).rejects.toThrow("WRONGTYPE");
});

test("runs a script by its hash, and again after Redis forgot it", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis(server.url);
  const script = { source: "return {KEYS[1], ARGV[1]}" };
  expect(await redis.script(script, ["k"], ["a"])).toEqual([Buffer.from("k"), Buffer.from("a")]);
  await redis.command(["SCRIPT", "FLUSH"]);
  expect(await redis.script(script, ["k"], ["b"])).toEqual([Buffer.from("k"), Buffer.from("b")]);
  await expect(redis.script({ source: "return redis.call('GET')" }, [], [])).rejects.toMatchObject({
    code: "REDIS_FAILED",
  });
});

test("hears a channel from when subscribe resolves until unsubscribe", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis(server.url);
  const heard: string[] = [];
  await Promise.all(
    ["one", "two"].map((name) =>
      redis.subscribe(name, (bytes) => heard.push(`${name} ${String(bytes)}`)),
    ),
  );
  expect(await redis.publish("one", Buffer.from("1"))).toBe(1);
  expect(await redis.publish("two", Buffer.from("2"))).toBe(1);
  await eventually(() => heard.length === 2);
  await redis.unsubscribe("one");
  await eventually(async () => (await redis.publish("one", Buffer.from("3"))) === 0);
  await redis.subscribe("one", (bytes) => heard.push(`again ${String(bytes)}`));
  await redis.publish("one", Buffer.from("4"));
  await eventually(() => heard.includes("again 4"));
  expect(heard.slice(0, 2)).toEqual(["one 1", "two 2"]);
});

test("hears again after a restart, and tells the gap once", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis({ url: server.url, ...quick });
  const heard: string[] = [];
  const gaps: object[] = [];
  redis.onGap((gap) => gaps.push(gap));
  await redis.subscribe("one", (bytes) => heard.push(String(bytes)));
  await redis.subscribe("two", (bytes) => heard.push(String(bytes)));
  await server.kill();
  const killedAt = Date.now();
  await server.start();
  await eventually(() => gaps.length > 0);
  expect(gaps).toEqual([{ from: expect.any(Number), to: expect.any(Number) }]);
  const [gap] = gaps as { from: number; to: number }[];
  expect(gap?.from).toBeLessThanOrEqual(killedAt);
  expect(gap?.to).toBeGreaterThanOrEqual(killedAt);
  expect(await redis.publish("one", Buffer.from("1"))).toBe(1);
  expect(await redis.publish("two", Buffer.from("2"))).toBe(1);
  await eventually(() => heard.length === 2);
  expect(gaps).toHaveLength(1);
});

test("hears again after the connection that listens alone was cut", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis({ url: server.url, ...quick });
  const gaps: object[] = [];
  redis.onGap((gap) => gaps.push(gap));
  await redis.subscribe("one", () => undefined);
  expect(await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])).toBe(1);
  await eventually(() => gaps.length > 0);
  expect(await redis.publish("one", Buffer.from("1"))).toBe(1);
});

test("waits a bounded time for a Redis that is down, and works when it comes", async () => {
  await using server = await RedisServer.start();
  await server.kill();
  await using redis = openRedis({ url: server.url, ...quick, commandTimeoutMs: 1_000 });
  const refused = redis.command(["PING"]);
  await expect(refused).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  await expect(refused).rejects.toThrow(`cannot connect to Redis at 127.0.0.1:${server.port}`);
  await expect(redis.subscribe("one", () => undefined)).rejects.toMatchObject({
    code: "REDIS_UNAVAILABLE",
  });
  await server.start();
  await eventually(async () => (await redis.command(["PING"]).catch(() => null)) !== null);
  await eventually(async () => {
    await redis.subscribe("one", () => undefined).catch(() => undefined);
    return (await redis.publish("one", Buffer.from("1")).catch(() => 0)) === 1;
  });
});

test("refuses more commands than may wait, and keeps the order of those that do", async () => {
  await using server = await RedisServer.start();
  await server.kill();
  await using redis = openRedis({ url: server.url, ...quick, maxPendingCommands: 3 });
  const waiting = ["a", "b", "c"].map((word) => redis.command(["RPUSH", "list", word]));
  await expect(redis.command(["PING"])).rejects.toThrow("3 commands wait for Redis already");
  await server.start();
  expect(await Promise.all(waiting)).toEqual([1, 2, 3]);
  expect(String(await redis.command(["LRANGE", "list", "0", "-1"]))).toBe("a,b,c");
});

test("refuses more bytes than may wait", async () => {
  await using redis = openRedis({
    url: `redis://127.0.0.1:${await freePort()}`,
    ...quick,
    commandTimeoutMs: 50,
    maxPendingBytes: 1_000,
  });
  const first = redis.command(["SET", "key", Buffer.alloc(900)]);
  await expect(redis.command(["SET", "key", Buffer.alloc(900)])).rejects.toThrow(
    "1000 bytes of commands wait",
  );
  await expect(first).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
});

test("fails a command that was under way when the connection broke", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis({ url: server.url, ...quick });
  await redis.command(["PING"]);
  const blocked = redis.command(["BLPOP", "none", "0"]);
  await eventually(async () => {
    await using other = openRedis(server.url);
    return String(await other.command(["CLIENT", "LIST"])).includes("cmd=blpop");
  });
  const killed = server.kill();
  await expect(blocked).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE", wasSent: true });
  await killed;
});

test("lets a blocking connection wait longer than commands may take, and wake when told", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis({ url: server.url, commandTimeoutMs: 1_000 });
  await using connection = await redis.connect();
  const id = await connection.command(["CLIENT", "ID"]);
  const blocked = connection.command(["BLPOP", "list", "0"]);
  await using other = await redis.connect();
  await expect(other.command(["BLPOP", "none", "0"], { timeoutMs: 1_200 })).rejects.toThrow(
    "Redis did not answer in time",
  );
  await redis.command(["RPUSH", "list", "x"]);
  expect(String(await blocked)).toBe("list,x");
  const woken = connection.command(["BLPOP", "list", "0"]);
  await eventually(async () => (await redis.command(["CLIENT", "UNBLOCK", String(id)])) === 1);
  expect(await woken).toBeNull();
});

test("notices a Redis that hangs, and tells the gap when it is back", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis({
    url: server.url,
    ...quick,
    pingIntervalMs: 20,
    commandTimeoutMs: 1_000,
  });
  const gaps: object[] = [];
  redis.onGap((gap) => gaps.push(gap));
  await redis.subscribe("one", () => undefined);
  server.signal("SIGSTOP");
  await expect(redis.command(["PING"])).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  // By the time this has been waited for too, both connections have been asked and given up.
  await expect(redis.subscribe("two", () => undefined)).rejects.toMatchObject({
    code: "REDIS_UNAVAILABLE",
  });
  server.signal("SIGCONT");
  await eventually(() => gaps.length > 0);
  await eventually(async () => (await redis.command(["PING"]).catch(() => null)) !== null);
});

test("leaves a connection that has gone deaf at the first command that times out", async () => {
  await using server = await RedisServer.start();
  await using proxy = await Proxy.start(server.port);
  const url = `redis://127.0.0.1:${proxy.port}`;
  await using redis = openRedis({ url, ...quick, commandTimeoutMs: 1_000 });
  await redis.command(["PING"]);
  proxy.deafen();
  const unheard = redis.command(["PING"]);
  await expect(unheard).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE", wasSent: true });
  expect(String(await redis.command(["PING"]))).toBe("PONG");
});

test("reads what has come while its process stood still before it gives up", async () => {
  await using server = await RedisServer.start();
  const bounds = { ...quick, commandTimeoutMs: 1_000, pingIntervalMs: 100 };
  await using redis = openRedis({ url: server.url, ...bounds });
  const gaps: object[] = [];
  redis.onGap((gap) => gaps.push(gap));
  await redis.subscribe("one", () => undefined);
  await redis.command(["PING"]);
  const answered = [redis.command(["ECHO", "heard"]), redis.subscribe("two", () => undefined)];
  // They are sent, and nothing is read for longer than they may take.
  await new Promise((resolve) => setImmediate(resolve));
  const until = performance.now() + 2_000;
  while (performance.now() < until);
  expect(String((await Promise.all(answered))[0])).toBe("heard");
  expect(gaps).toEqual([]);
});

test("keeps a connection that is slow with one command, and answers others", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis({ url: server.url, ...quick, commandTimeoutMs: 1_000 });
  const id = await redis.command(["CLIENT", "ID"]);
  const hasty = redis.command(["BLPOP", "none", "0.1"], { timeoutMs: 20 });
  await expect(hasty).rejects.toThrow("Redis did not answer in time");
  expect(await redis.command(["CLIENT", "ID"])).toBe(id);
});

test("stops waiting when the signal fires, and does not begin when it has", async () => {
  await using redis = openRedis(`redis://127.0.0.1:${await freePort()}`);
  const cancel = new AbortController();
  const waiting = redis.command(["PING"], { signal: cancel.signal });
  cancel.abort();
  await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
  await expect(redis.command(["PING"], { signal: cancel.signal })).rejects.toMatchObject({
    name: "AbortError",
  });
});

test("refuses everything once it is closed, and whoever waits", async () => {
  await using server = await RedisServer.start();
  await server.kill();
  const redis = openRedis(server.url);
  const waiting = [redis.command(["PING"]), redis.subscribe("one", () => undefined)];
  await redis.close();
  for (const one of waiting) await expect(one).rejects.toThrow("is closed");
  await expect(redis.command(["PING"])).rejects.toThrow("is closed");
  await expect(redis.subscribe("one", () => undefined)).rejects.toThrow("is closed");
  await redis.close();
});

test("refuses a channel that the user may not hear, and hears the others", async () => {
  const bob = ["--user", "bob", "on", ">pw", "+@all", "&ok*"];
  await using server = await RedisServer.start([...bob, "--user", "default", "off"]);
  await using redis = openRedis(server.url.replace("//", "//bob:pw@"));
  const heard: string[] = [];
  const [first, refused, second] = await Promise.allSettled(
    ["ok-1", "secret", "ok-2"].map((name) => redis.subscribe(name, () => heard.push(name))),
  );
  expect([first?.status, second?.status]).toEqual(["fulfilled", "fulfilled"]);
  expect(refused).toMatchObject({ status: "rejected", reason: { code: "REDIS_FAILED" } });
  await redis.publish("ok-1", Buffer.from(""));
  await redis.publish("ok-2", Buffer.from(""));
  await eventually(() => heard.length === 2);
});

test("says that the password is wrong, and never what it is", async () => {
  await using server = await RedisServer.start(["--requirepass", "right"]);
  const url = server.url.replace("//", "//:wr0ng@");
  await using redis = openRedis({ url, ...quick, commandTimeoutMs: 1_000 });
  const refused: unknown = await redis.command(["PING"]).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "REDIS_UNAVAILABLE" });
  expect(String(refused)).toContain("WRONGPASS");
  expect(inspect(refused, { depth: 9 })).not.toContain("wr0ng");
});

test("tells a server by its name which of those at one address is meant", async () => {
  using certificate = new Certificate();
  const { pem: cert, keyFile } = certificate;
  const names: unknown[] = [];
  await using server = createServer({ cert, key: readFileSync(keyFile) }, (socket) => {
    names.push(socket.servername);
    socket.on("data", () => socket.write("+PONG\r\n"));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const tls = { rejectUnauthorized: false };
  {
    await using named = openRedis({ ...quick, url: `rediss://localhost:${port}`, tls });
    expect(String(await named.command(["PING"]))).toBe("PONG");
    await using numbered = openRedis({ ...quick, url: `rediss://127.0.0.1:${port}`, tls });
    expect(String(await numbered.command(["PING"]))).toBe("PONG");
  }
  expect(names).toEqual(["localhost", false]);
});

test("trusts no certificate but those it is told to", async () => {
  using certificate = new Certificate();
  const { certFile, keyFile, pem } = certificate;
  const port = await freePort();
  const files = ["--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-cert-file"];
  const tls = ["--port", "0", "--tls-port", String(port), ...files, certFile];
  await using server = await RedisServer.start(tls, port);
  const url = server.url.replace("redis:", "rediss:");
  const options = { ...quick, commandTimeoutMs: 1_000, url };
  await using wary = openRedis(options);
  await expect(wary.command(["PING"])).rejects.toThrow("self-signed certificate");
  // This server asks for our certificate too.
  await using stranger = openRedis({ ...options, tls: { ca: pem } });
  await expect(stranger.command(["PING"])).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  const key = readFileSync(keyFile);
  await using known = openRedis({ ...options, tls: { ca: pem, cert: pem, key } });
  expect(String(await known.command(["PING"]))).toBe("PONG");
});
