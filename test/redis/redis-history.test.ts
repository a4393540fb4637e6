import {
  GroupTails,
  RedisHistory,
  type HistoryEntry,
  type ResetReason,
  type TailFollower,
} from "tidings/history";
import { openRedis } from "tidings/redis";
import { historyCases } from "tidings/testing";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

import { RedisServer } from "./redis-server.ts";

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

for (const { name, run } of historyCases) {
  test(`the Redis history ${name}`, async () => {
    await using redis = openRedis(server.url);
    await redis.command(["FLUSHALL"]);
    const open = () => new RedisHistory(openRedis(server.url));
    await expect(run(open)).resolves.toBeUndefined();
  });
}

test("a connection that listens and is cut costs a follower nothing", async () => {
  const { history, tails, follower } = openOn(server);
  await using redis = openRedis(server.url);
  await tails.follow("cut", follower);
  for (let number = 1; number <= 300; number++) {
    await history.append("cut", say(number), { size: 1_000 });
    if (number % 100 === 50) await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
  }
  await expect.poll(() => follower.numbers.length).toBe(300);
  expect(follower.numbers).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
  expect(follower.resets).toEqual([]);
  expect(tails.counts.gapsNotRepaired).toBe(0);
});

test("a Redis that persists may be killed: its followers notice nothing", async () => {
  await using own = await RedisServer.start(["--appendonly", "yes"]);
  const { history, tails, follower } = openOn(own);
  const position = await history.position("room");
  await tails.follow("room", follower);
  for (const number of [1, 2]) await history.append("room", say(number));
  await own.kill();
  await own.start();
  await history.append("room", say(3));
  const late = new Follower();
  await tails.follow("room", late, position);
  await expect.poll(() => [follower.numbers.length, late.numbers.length]).toEqual([3, 3]);
  expect(follower).toMatchObject({ numbers: [1, 2, 3], resets: [] });
  expect(late).toMatchObject({ numbers: [1, 2, 3], resets: [] });
  expect(tails.counts.gapsNotRepaired).toBe(0);
});

test("a Redis that has forgotten everything is told to its followers as another epoch", async () => {
  await using own = await RedisServer.start();
  const { history, tails, follower } = openOn(own);
  await tails.follow("room", follower);
  for (const number of [1, 2]) await history.append("room", say(number));
  await expect.poll(() => follower.numbers).toEqual([1, 2]);
  await own.kill();
  await own.start();
  await expect.poll(() => follower.resets).toEqual(["epoch-changed"]);
  await history.append("room", say(3));
  await expect.poll(() => follower.numbers).toEqual([1, 2, 3]);
  expect(tails.counts.gapsNotRepaired).toBe(1);
});

test("a Redis that has lost its last moments gives no offset twice", async () => {
  await using own = await RedisServer.start();
  const { history, tails, follower } = openOn(own);
  await using redis = openRedis(own.url);
  await tails.follow("room", follower);
  for (const number of [1, 2]) await history.append("room", say(number));
  await redis.command(["SAVE"]);
  const lost = await history.append("room", say(3));
  await expect.poll(() => follower.numbers.length).toBe(3);
  await own.kill();
  await own.start();
  expect(await history.since("room", lost)).toMatchObject({ kind: "recovered", entries: [] });
  const next = await history.append("room", say(4));
  expect(next.epoch).toBe(lost.epoch);
  expect(next.offset).toBeGreaterThan(lost.offset);
  await expect.poll(() => follower.numbers).toEqual([1, 2, 3, 4]);
  for (const offset of [1, lost.offset]) {
    const late = new Follower();
    await tails.follow("room", late, { ...lost, offset });
    expect(late).toMatchObject({ numbers: offset === 1 ? [2, 3, 4] : [4], resets: [] });
  }
  expect(follower.resets).toEqual([]);
});

test("entries that Redis evicts to make room are never taken for complete", async () => {
  const { history } = openOn(server);
  await using redis = openRedis(server.url);
  const first = await history.append("evicted", say(1));
  await history.append("evicted", say(2));
  await redis.command(["DEL", "tidings:history:{evicted}:entries"]);
  expect(await history.since("evicted", first)).toMatchObject({ reason: "evicted" });
  const third = await history.append("evicted", say(3));
  expect(await history.since("evicted", first)).toMatchObject({ reason: "evicted" });
  expect(await history.since("evicted", third)).toMatchObject({ kind: "recovered", entries: [] });
});

test("what is encrypted with another key is a reset to who cannot read it", async () => {
  await using writer = new RedisHistory(openRedis(server.url), { symmetricEncryptionKeys: ["a"] });
  await using reader = new RedisHistory(openRedis(server.url), { symmetricEncryptionKeys: ["b"] });
  const start = await writer.position("secret");
  await writer.append("secret", { type: "chat.message", text: "in clear" });
  await using redis = openRedis(server.url);
  const raw = await redis.command(["XRANGE", "tidings:history:{secret}:entries", "-", "+"]);
  expect(String(raw)).not.toContain("in clear");
  expect(await writer.since("secret", start)).toMatchObject({ kind: "recovered" });
  expect(await reader.since("secret", start)).toMatchObject({ kind: "reset", reason: "evicted" });
});

class Follower implements TailFollower {
  readonly numbers: unknown[] = [];
  readonly resets: ResetReason[] = [];

  onStart(): void {}

  onEntry({ message }: HistoryEntry): void {
    this.numbers.push(message["number"]);
  }

  onReset(reason: ResetReason): void {
    this.resets.push(reason);
  }
}

function openOn({ url }: RedisServer): {
  readonly history: RedisHistory;
  readonly tails: GroupTails;
  readonly follower: Follower;
} {
  const history = new RedisHistory(openRedis({ url, backoff: { maxMs: 100 } }));
  const tails = new GroupTails({ history });
  onTestFinished(async () => {
    tails.stop();
    await history.close();
  });
  return { history, tails, follower: new Follower() };
}

function say(number: number): { readonly type: string; readonly number: number } {
  return { type: "chat.message", number };
}
