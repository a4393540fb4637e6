import { randomUUID } from "node:crypto";

import { Cluster } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { fromIoredis, openRedis, type Redis } from "../../src/redis/index.ts";
import { eventually } from "./eventually.ts";
import { RedisCluster } from "./redis-cluster.ts";
import { RedisSentinel } from "./redis-sentinel.ts";
import { RedisServer } from "./redis-server.ts";

const quick = { backoff: { baseMs: 5, maxMs: 50 }, pingIntervalMs: 200, commandTimeoutMs: 10_000 };

test("follows the sentinels to the new master, hears its channels there, and tells a gap", async () => {
  await using sentinel = await RedisSentinel.start();
  await using redis = openRedis({ url: sentinel.url, ...quick });
  const heard = await listen(redis, ["one", "two"]);
  await using connection = await redis.connect();
  const id = String(await connection.command(["CONFIG", "GET", "port"]));
  expect(id).toBe(`port,${sentinel.master.port}`);
  await sentinel.master.kill();
  await eventually(() => heard.gaps.length > 0);
  await eventually(async () => (await redis.publish("one", Buffer.from("1"))) === 1);
  await redis.publish("two", Buffer.from("2"));
  await eventually(() => heard.messages.includes("2"));
  expect(String(await connection.command(["CONFIG", "GET", "port"]))).toBe(
    `port,${sentinel.replica.port}`,
  );
  expect(heard.gaps).toHaveLength(1);
});

test("says when no sentinel answers, and when they know no such master", async () => {
  await using sentinel = await RedisSentinel.start();
  const options = { ...quick, commandTimeoutMs: 1_000 };
  await using wrong = openRedis({ url: sentinel.url.replace("main", "other"), ...options });
  await expect(wrong.command(["PING"])).rejects.toThrow("the sentinels know no master `other`");
  await using down = openRedis({
    url: "redis+sentinel://127.0.0.1:1,[::1]:1?master=m",
    ...options,
  });
  await expect(down.command(["PING"])).rejects.toThrow("cannot connect to Redis at ::1:1");
});

describe("a cluster", () => {
  const stack = new AsyncDisposableStack();
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = stack.use(await RedisCluster.start());
  });
  afterAll(() => stack.disposeAsync());

  test("is waited for a bounded time, by a bounded number of commands", async () => {
    const options = { ...quick, commandTimeoutMs: 1_000, maxPendingCommands: 2 };
    await using redis = openRedis({ url: "redis+cluster://127.0.0.1:1", ...options });
    const results = await Promise.allSettled(
      ["a", "b", "c"].map((key) => redis.command(["GET", key])),
    );
    expect(results.map((result) => String(result.status === "rejected" && result.reason))).toEqual([
      expect.stringContaining("cannot connect to Redis at 127.0.0.1:1"),
      expect.stringContaining("cannot connect to Redis at 127.0.0.1:1"),
      expect.stringContaining("2 commands wait for Redis already"),
    ]);
  });

  test("is used with the settings of an ioredis cluster, which stays as it was", async () => {
    const client = new Cluster(cluster.nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
    try {
      await using redis = fromIoredis(client);
      expect(redis.isCluster).toBe(true);
      const keys = Array.from({ length: 9 }, (_, n) => `io-${n}`);
      for (const key of keys) await redis.command(["SET", key, key]);
      expect(await client.get("io-3")).toBe("io-3");
      const heard = await listen(redis, keys);
      for (const key of keys) expect(await redis.publish(key, Buffer.from(key))).toBe(1);
      await eventually(() => heard.messages.length === keys.length);
      await redis.close();
      expect(await client.get("io-4")).toBe("io-4");
    } finally {
      client.disconnect();
    }
  });

  test("answers for every key while a slot moves, and runs scripts and transactions", async () => {
    await using redis = openRedis({ url: cluster.url, ...quick });
    expect(redis.isCluster).toBe(true);
    const keys = Array.from({ length: 30 }, (_, n) => `key-${n}`);
    await Promise.all(keys.map((key) => redis.command(["SET", key, key])));
    for (const key of keys) expect(String(await redis.command(["GET", key]))).toBe(key);
    const sizes = await Promise.all(
      cluster.nodes.slice(0, 3).map(async (node) => Number(await cluster.on(node, "DBSIZE"))),
    );
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    const script = { source: "return redis.call('GET', KEYS[1])" };
    for (const key of keys) expect(String(await redis.script(script, [key], []))).toBe(key);
    const replies = await redis.transaction([
      ["SET", "{a}1", "1"],
      ["INCR", "{a}1"],
    ]);
    expect(replies.map(String)).toEqual(["OK", "2"]);
    await using connection = await redis.connect("key-7");
    expect(String(await connection.command(["GET", "key-7"]))).toBe("key-7");

    // Half way, a slot that moves is asked for at both nodes; then the new one is found by itself.
    const moving = `moving-${randomUUID()}`;
    const slot = String(await redis.command(["CLUSTER", "KEYSLOT", moving]));
    const heard = await listen(redis, [moving]);
    const { from, to, finish } = await cluster.move(Number(slot));
    await redis.command(["SET", moving, "x"]);
    expect(await cluster.on(from, "CLUSTER", "COUNTKEYSINSLOT", slot)).toBe("0");
    expect(await cluster.on(to, "CLUSTER", "COUNTKEYSINSLOT", slot)).toBe("1");
    await finish();
    expect(String(await redis.command(["GET", moving]))).toBe("x");
    await eventually(async () => (await redis.publish(moving, Buffer.from("1"))) === 1);
    await eventually(() => heard.messages.length > 0);
    expect(heard.gaps.length).toBeGreaterThan(0);
  });

  test("scans the keys of every node", async () => {
    await using redis = openRedis({ url: cluster.url, ...quick });
    const names = Array.from({ length: 12 }, (_, n) => `scanned-${n}`);
    for (const name of names) await redis.command(["SET", name, "x"]);
    const found = new Set((await Array.fromAsync(redis.scan("scanned-*"))).flat());
    expect([...found].toSorted()).toEqual(names.toSorted());
  });

  test("hears the channels of a node that died at the one that takes over", async () => {
    // Of its own: who has died stays dead.
    await using own = await RedisCluster.start();
    await using redis = openRedis({ url: own.url, ...quick });
    const names = Array.from({ length: 12 }, (_, n) => `channel-${n}`);
    const heard = await listen(redis, names);
    await own.nodes[0]?.kill();
    const killedAt = Date.now();
    await eventually(() => heard.gaps.length > 0);
    expect(heard.gaps[0]?.from).toBeLessThanOrEqual(killedAt);
    for (const name of names) {
      await eventually(async () => (await redis.publish(name, Buffer.from(name))) === 1);
    }
    await eventually(() => names.every((name) => heard.messages.includes(name)));
  });
});

/** Listens to channels, and notes what comes. */
async function listen(
  redis: Redis,
  names: readonly string[],
): Promise<{ readonly messages: string[]; readonly gaps: { from: number; to: number }[] }> {
  const messages: string[] = [];
  const gaps: { from: number; to: number }[] = [];
  redis.onGap((gap) => gaps.push(gap));
  await Promise.all(
    names.map((name) => redis.subscribe(name, (bytes) => messages.push(String(bytes)))),
  );
  return { messages, gaps };
}

test("of a list of servers the first that can be reached is used, by commands and listeners alike", async () => {
  await using one = await RedisServer.start();
  await using other = await RedisServer.start();
  await using redis = openRedis({ url: `${one.url};${other.url}`, ...quick });
  const portOf = async (): Promise<string> =>
    String(await redis.command(["CONFIG", "GET", "port"]));
  const heard = await listen(redis, ["news"]);
  // What was under way when a server died is refused.
  const publish = (text: string): Promise<number> =>
    redis.publish("news", Buffer.from(text)).catch(() => 0);
  expect(await portOf()).toBe(`port,${one.port}`);
  await one.kill();
  await eventually(async () => (await publish("1")) === 1);
  await eventually(() => heard.messages.includes("1"));
  expect(await portOf()).toBe(`port,${other.port}`);
  await one.start();
  await other.kill();
  await eventually(async () => (await publish("2")) === 1);
  expect(await portOf()).toBe(`port,${one.port}`);
});

test("a listener that has been left behind follows to the server that commands use", async () => {
  await using one = await RedisServer.start();
  await using other = await RedisServer.start();
  await using redis = openRedis({ url: `${one.url};${other.url}`, ...quick });
  await using direct = openRedis(one.url);
  const heard = await listen(redis, ["news"]);
  // The first takes no new connection; only that of the commands breaks.
  await direct.command(["CONFIG", "SET", "maxclients", "1"]);
  await redis.command(["QUIT"]);
  const publish = (): Promise<number> => redis.publish("news", Buffer.from("1")).catch(() => 0);
  await eventually(async () => (await publish()) === 1);
  await eventually(() => heard.messages.includes("1"));
  expect(String(await redis.command(["CONFIG", "GET", "port"]))).toBe(`port,${other.port}`);
});
