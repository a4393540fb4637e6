import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, test } from "vitest";

import {
  RedisQueueLayer,
  type LayerIncident,
  type RedisQueueLayerOptions,
} from "../../src/layers/index.ts";
import { openRedis, type Redis } from "../../src/redis/index.ts";
import { Proxy } from "../torture/proxy.ts";
import { RedisServer } from "./redis-server.ts";

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await RedisServer.start();
  redis = openRedis(server.url);
});

afterAll(async () => {
  await redis.close();
  await server[Symbol.asyncDispose]();
});

interface TestOptions extends RedisQueueLayerOptions {
  readonly url?: string;
  /** How many hosts there are: databases of one server. @default 1 */
  readonly hostCount?: number;
}

function open({ url = server.url, hostCount = 1, ...options }: TestOptions): RedisQueueLayer {
  const others = Array.from({ length: hostCount - 1 }, (_, n) => openRedis(`${url}/${n + 1}`));
  return new RedisQueueLayer([openRedis(url), ...others], options);
}

/** No prefix of a test begins with that of another. */
function newPrefix(): string {
  return `test-${randomUUID()}-`;
}

function collect(layer: RedisQueueLayer): readonly LayerIncident[] {
  const incidents: LayerIncident[] = [];
  layer.onIncident((incident) => incidents.push(incident));
  return incidents;
}

function numbersTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n);
}

// They wait for different things on different keys, so they may wait at the same time.
describe.concurrent("RedisQueueLayer, where channels_redis fails", () => {
  test("loses no message of one connection when others go away at that moment", async ({
    expect,
  }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix });
    await using sender = open({ prefix });
    const stays = await layer.newChannel();
    const heard: unknown[] = [];
    layer.listen(stays, (message) => heard.push(message["n"]) > 0);
    for (const n of numbersTo(300)) {
      const leaving = await layer.newChannel();
      const cancel = new AbortController();
      const cancelled = layer.receive(leaving, { signal: cancel.signal });
      const sent = sender.send(stays, { type: "t", n });
      cancel.abort();
      await expect(cancelled).rejects.toThrow();
      await sent;
    }
    await expect.poll(() => heard).toEqual(numbersTo(300));
  });

  test("keeps what was taken for a receiver that no longer waits", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix });
    await using other = open({ prefix });
    const received: unknown[] = [];
    for (const n of numbersTo(100)) {
      const cancel = new AbortController();
      const cancelled = layer
        .receive("jobs", { signal: cancel.signal })
        .then((message) => received.push(message["n"]))
        .catch(() => undefined);
      const sent = other.send("jobs", { type: "t", n });
      // Before, while and after Redis answers the read.
      if (n % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
      if (n % 3 === 2) await sent;
      cancel.abort();
      await Promise.all([cancelled, sent]);
    }
    while (received.length < 100) received.push((await other.receive("jobs"))["n"]);
    expect(new Set(received)).toEqual(new Set(numbersTo(100)));
  });

  test("shares a general channel between processes, each message once, none lost", async ({
    expect,
  }) => {
    const prefix = newPrefix();
    await using one = open({ prefix, capacity: 1_000 });
    await using two = open({ prefix, capacity: 1_000 });
    const counts = new Map<unknown, number>();
    const stop = new AbortController();
    const shares = [0, 0];
    const work = async (index: 0 | 1): Promise<void> => {
      for (;;) {
        const layer = index === 0 ? one : two;
        const { n } = await layer.receive("jobs", { signal: stop.signal });
        counts.set(n, (counts.get(n) ?? 0) + 1);
        shares[index] = (shares[index] ?? 0) + 1;
      }
    };
    const workers = Promise.allSettled([work(0), work(0), work(1), work(1)]);
    await Promise.all(numbersTo(500).map((n) => one.send("jobs", { type: "t", n })));
    await expect.poll(() => counts.size).toBe(500);
    stop.abort();
    await workers;
    expect([...counts.values()].every((count) => count === 1)).toBe(true);
    expect(Math.min(...shares)).toBeGreaterThan(0);
  });

  test("takes from a general channel only what somebody waits for", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix });
    for (const n of numbersTo(10)) await layer.send("jobs", { type: "t", n });
    expect((await layer.receive("jobs"))["n"]).toBe(0);
    expect(await redis.command(["ZCARD", `${prefix}jobs`])).toBe(9);
    layer.listen("jobs", ({ n }) => Number(n) < 3);
    await expect.poll(() => redis.command(["ZCARD", `${prefix}jobs`])).toBe(7);
    await using other = open({ prefix });
    const rest: unknown[] = [];
    while (rest.length < 7) rest.push((await other.receive("jobs"))["n"]);
    expect(new Set(rest)).toEqual(new Set([3, 4, 5, 6, 7, 8, 9]));
    expect(layer.incidents).toEqual({ dropped: 0, poison: 0, gap: 0 });
  });

  test("refuses poison, tells of it, and harms nobody", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix });
    const incidents = collect(layer);
    const channel = await layer.newChannel();
    const queue = `${prefix}${channel.slice(0, channel.indexOf("!") + 1)}`;
    const stranger = channel.replace(/!.*/, "!nobody");
    const heard: unknown[] = [];
    layer.listen(channel, (message) => heard.push(message["n"]) > 0);
    const now = String(Date.now() / 1000);
    await redis.command(["ZADD", queue, now, "not msgpack at all"]);
    await redis.command(["ZADD", queue, now, Buffer.from("81a474797065a174", "hex")]);
    await redis.command(["ZADD", `${prefix}jobs`, now, "x"]);
    await layer.send(stranger, { type: "t" });
    await layer.send(channel, { type: "t", n: 1 });
    await layer.send("jobs", { type: "t", n: 2 });
    expect((await layer.receive("jobs"))["n"]).toBe(2);
    await expect.poll(() => heard).toEqual([1]);
    expect(incidents.map(({ kind }) => kind)).toEqual(["poison", "poison", "poison"]);
    expect(JSON.stringify(incidents)).not.toContain("not msgpack");
  });

  test("counts the capacity for each connection, not for all of a process", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix, capacity: 3 });
    await using sender = open({ prefix, capacity: 3 });
    const channels = await Promise.all(numbersTo(50).map(() => layer.newChannel()));
    await Promise.all(channels.map((channel) => sender.send(channel, { type: "t" })));
    for (const channel of channels) expect(await layer.receive(channel)).toEqual({ type: "t" });
    const [full = "", free = ""] = channels;
    for (const n of numbersTo(5)) await sender.send(full, { type: "t", n });
    await sender.send(free, { type: "t" });
    expect(await layer.receive(free)).toEqual({ type: "t" });
    expect(layer.incidents.dropped).toBe(2);
    for (const n of numbersTo(3)) expect((await layer.receive(full))["n"]).toBe(n);
  });

  test("throws when a general channel is full, and tells of a group's message that is not", async ({
    expect,
  }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix, channelCapacity: [["jobs*", 2]] });
    const incidents = collect(layer);
    for (const n of numbersTo(2)) await layer.send("jobs-1", { type: "t", n });
    await expect(layer.send("jobs-1", { type: "t" })).rejects.toMatchObject({
      code: "LAYER_CHANNEL_FULL",
    });
    await layer.groupAdd("room", "jobs-1");
    await layer.groupAdd("room", "jobs-2");
    await layer.groupSend("room", { type: "t", n: 9 });
    expect((await layer.receive("jobs-2"))["n"]).toBe(9);
    expect(incidents).toEqual([
      { kind: "dropped", reason: "full", name: "jobs-1", count: 1 },
      { kind: "dropped", reason: "full", name: "room", count: 1 },
    ]);
  });

  test("goes on after it has been idle for longer than any read of it blocks", async ({
    expect,
  }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix });
    const channel = await layer.newChannel();
    const received = Promise.all([layer.receive(channel), layer.receive("jobs")]);
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    await layer.send(channel, { type: "direct" });
    await layer.send("jobs", { type: "job" });
    expect(await received).toEqual([{ type: "direct" }, { type: "job" }]);
    expect(layer.incidents).toEqual({ dropped: 0, poison: 0, gap: 0 });
  });

  test("survives a restart of Redis: members are members again, and the gap is told", async ({
    expect,
  }) => {
    await using own = await RedisServer.start();
    const prefix = newPrefix();
    await using layer = open({ url: own.url, prefix });
    const incidents = collect(layer);
    const channel = await layer.newChannel();
    const heard: unknown[] = [];
    layer.listen(channel, (message) => heard.push(message["n"]) > 0);
    await layer.groupAdd("room", channel);
    await layer.groupSend("room", { type: "t", n: 1 });
    await expect.poll(() => heard).toEqual([1]);
    const job = layer.receive("jobs");
    const before = Date.now();
    await own.kill();
    await own.start();
    const startedAt = Date.now();
    await expect.poll(() => incidents.length).toBe(1);
    await using sender = open({ url: own.url, prefix });
    await sender.groupSend("room", { type: "t", n: 2 });
    await expect.poll(() => heard).toEqual([1, 2]);
    await sender.send("jobs", { type: "job" });
    expect(await job).toEqual({ type: "job" });
    const [gap] = incidents;
    expect(gap).toMatchObject({ kind: "gap" });
    expect(gap?.kind === "gap" && gap.from <= startedAt && gap.to > before).toBe(true);
    expect(incidents.length).toBe(1);
  });

  test("renews the memberships of living connections, and of no others", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix, groupExpiryMs: 1_000 });
    await using sender = open({ prefix, groupExpiryMs: 1_000 });
    const [lives, gone] = [await layer.newChannel(), await layer.newChannel()];
    const heard: unknown[] = [];
    layer.listen(lives, (message) => heard.push(message["n"]) > 0);
    await layer.groupAdd("room", lives);
    await layer.groupAdd("room", gone);
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    // A process that has just stood still renews what it could not.
    await expect
      .poll(async () => {
        await sender.groupSend("room", { type: "t", n: 1 });
        return heard;
      })
      .toContain(1);
    await expect.poll(() => redis.command(["ZCARD", `${prefix}:group:room`])).toBe(1);
  });

  test("takes its members out of their groups when it closes", async ({ expect }) => {
    const prefix = newPrefix();
    const layer = open({ prefix });
    const channel = await layer.newChannel();
    layer.listen(channel, () => true);
    await layer.groupAdd("room", channel);
    await layer.groupAdd("room", "jobs");
    await layer.close();
    expect(String(await redis.command(["ZRANGE", `${prefix}:group:room`, "0", "-1"]))).toBe("jobs");
  });

  test("keeps an expiry that is no whole number of seconds", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix, expiryMs: 60_500 });
    await layer.groupAdd("room", "jobs");
    await layer.groupSend("room", { type: "t" });
    const key = `${prefix}jobs`;
    const [, sentAt] = (await redis.command(["ZRANGE", key, "0", "0", "WITHSCORES"])) as Buffer[];
    const expiresAt = Number(await redis.command(["PEXPIRETIME", key]));
    // The key is there for as long as its message may be read.
    expect(expiresAt - Number(String(sentAt)) * 1_000).toBeGreaterThanOrEqual(60_500);
    expect(await layer.receive("jobs")).toEqual({ type: "t" });
  });

  test("delivers between processes whose clocks disagree by less than the expiry", async ({
    expect,
  }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix });
    await using late = open({ prefix, now: () => Date.now() - 50_000 });
    await using early = open({ prefix, now: () => Date.now() + 50_000 });
    const channel = await layer.newChannel();
    await layer.groupAdd("room", channel);
    for (const [n, sender] of [late, early].entries()) {
      await sender.send(channel, { type: "t", n });
      expect(await layer.receive(channel)).toEqual({ type: "t", n });
      await sender.groupSend("room", { type: "t", n });
      expect(await layer.receive(channel)).toEqual({ type: "t", n });
    }
    expect(layer.incidents.dropped).toBe(0);
  });

  test("never delivers what has expired, however it stayed in Redis", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix });
    const incidents = collect(layer);
    await layer.send("jobs", { type: "t", n: 1 });
    const [member] = (await redis.command(["ZRANGE", `${prefix}jobs`, "0", "0"])) as Buffer[];
    const old = String(Date.now() / 1000 - 61);
    await redis.command(["ZADD", `${prefix}jobs`, old, member ?? ""]);
    const received = layer.receive("jobs");
    await expect
      .poll(() => incidents)
      .toEqual([{ kind: "dropped", reason: "expired", name: "jobs", count: 1 }]);
    await layer.send("jobs", { type: "t", n: 2 });
    expect((await received)["n"]).toBe(2);
  });

  test("flushes its own prefix, and no longer one that begins with it", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix });
    await using sibling = open({ prefix });
    await using neighbour = open({ prefix: `${prefix}2` });
    const [ours, theirs] = [await layer.newChannel(), await neighbour.newChannel()];
    for (const [one, channel] of [
      [layer, ours],
      [neighbour, theirs],
    ] as const) {
      await one.send("jobs", { type: "t", n: 1 });
      await one.groupAdd("room", channel);
    }
    await sibling.flush();
    const keys = (await redis.command(["KEYS", `${prefix}*`])) as Buffer[];
    expect(keys.map(String).toSorted()).toEqual([
      `${prefix}2:channels`,
      `${prefix}2:group:room`,
      `${prefix}2jobs`,
    ]);
    expect((await neighbour.receive("jobs"))["n"]).toBe(1);
  });

  test("reads the whole of a group and every direct message on three hosts", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix, hostCount: 3 });
    await using other = open({ prefix, hostCount: 3 });
    const channels = await Promise.all(numbersTo(30).map(() => layer.newChannel()));
    for (const channel of channels) await other.send(channel, { type: "t", channel });
    for (const channel of channels) {
      expect(await layer.receive(channel)).toEqual({ type: "t", channel });
    }
    for (const group of ["one", "two", "three", "four"]) {
      for (const channel of [channels[0] ?? "", "jobs"]) await other.groupAdd(group, channel);
      await other.groupSend(group, { type: "t", group });
      expect(await layer.receive(channels[0] ?? "")).toEqual({ type: "t", group });
      expect(await layer.receive("jobs")).toEqual({ type: "t", group });
    }
  });

  test("keeps the order over two hosts, one of which is slow to answer at first", async ({
    expect,
  }) => {
    const prefix = newPrefix();
    await using line = await Proxy.start(server.port);
    line.freeze();
    const slow = openRedis(`redis://127.0.0.1:${line.port}/1`);
    await using layer = new RedisQueueLayer([openRedis(server.url), slow], { prefix });
    await using sender = open({ prefix, hostCount: 2 });
    for (const n of numbersTo(6)) await sender.send("jobs", { type: "t", n });
    const received: unknown[] = [];
    setTimeout(() => line.thaw(), 500);
    while (received.length < 6) received.push((await layer.receive("jobs"))["n"]);
    expect(received).toEqual(numbersTo(6));
  });

  test("works on while one of two hosts is down, for what the other holds", async ({ expect }) => {
    await using first = await RedisServer.start();
    await using second = await RedisServer.start();
    const hosts = [first, second].map(({ url }) => openRedis(url)) as [Redis, Redis];
    const prefix = newPrefix();
    await using layer = new RedisQueueLayer(hosts, { prefix });
    const received = layer.receive("jobs");
    await first.kill();
    await using direct = open({ url: second.url, prefix });
    await direct.send("jobs", { type: "t", n: 1 });
    expect((await received)["n"]).toBe(1);
  });

  test("refuses to read a channel of another process", async ({ expect }) => {
    const prefix = newPrefix();
    await using layer = open({ prefix });
    await using other = open({ prefix });
    const channel = await other.newChannel();
    const refused = { code: "LAYER_INVALID_NAME" };
    await expect(layer.receive(channel)).rejects.toMatchObject(refused);
    expect(() => layer.listen(channel, () => true)).toThrow("another process");
  });
});
