import { describe, expect, test, vi } from "vitest";

import { createTasks, pendingRecord, RedisBroker, RedisResults } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { useRedis } from "../redis/use-redis.ts";

const { server, redis } = await useRedis();

const one = { queues: ["celery"], limit: 10, leaseMs: 10_000 };

/** A message as kombu writes it; `headers` is JSON. */
function writeMessage(id: string, headers = "{}"): string {
  const body = Buffer.from("[[],{},{}]").toString("base64");
  const properties = `{"correlation_id":"${id}","body_encoding":"base64","priority":0}`;
  return `{"body":"${body}","headers":${headers},"properties":${properties}}`;
}

const NESTED = `{"id":"deep","tower":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;

describe("a broker in Redis", () => {
  test("loses nothing of one queue when another is not a list", async () => {
    await using broker = new RedisBroker(server.url);
    await redis.command(["LPUSH", "celery", writeMessage("one")]);
    await redis.command(["SET", "odd", "no list"]);
    const queues = ["celery", "odd"];
    const deliveries = await broker.take({ ...one, queues });
    expect(deliveries.map(({ id }) => id)).toEqual(["one"]);
    await expect(broker.take({ ...one, queues })).rejects.toThrow(/WRONGTYPE/);
  });

  test("takes nothing when it cannot write down what it takes", async () => {
    await using broker = new RedisBroker(server.url);
    await redis.command(["LPUSH", "celery", writeMessage("one")]);
    for (const key of ["unacked", "unacked_index", "_tidings.leases"]) {
      await redis.command(["SET", key, "of another kind"]);
      await expect(broker.take(one)).rejects.toThrow(/WRONGTYPE/);
      expect(await redis.command(["LLEN", "celery"])).toBe(1);
      await redis.command(["DEL", key]);
    }
  });

  test("keeps what cannot be put back, and settles what ends beside it", async () => {
    await using broker = new RedisBroker(server.url);
    const ids = ["one", "two", "three"];
    await redis.command(["LPUSH", "celery", ...ids.map((id) => writeMessage(id))]);
    const [first, second, third] = await broker.take(one);
    if (!first || !second || !third) throw new Error("three were sent");
    await redis.command(["SET", "celery", "no list"]);
    const ends = [broker.acknowledge(first), broker.putBack(second), broker.acknowledge(third)];
    const ended = await Promise.allSettled(ends);
    expect(ended.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await redis.command(["HLEN", "unacked"])).toBe(1);
    await redis.command(["DEL", "celery"]);
    expect(await broker.renew([second], 1_000)).toEqual([]);
  });

  test("keeps a message whose outcome cannot be stored, until it can", async () => {
    await using broker = new RedisBroker(server.url);
    await using results = new RedisResults(server.url);
    await redis.command(["LPUSH", "celery", writeMessage("one")]);
    const [delivery] = await broker.take(one);
    const settle = broker.settleWith(results);
    if (!delivery || !settle) throw new Error("one was sent, to where results are");
    await redis.command(["LPUSH", "celery-task-meta-one", "no record"]);
    const record = { ...pendingRecord("one"), state: "SUCCESS", finishedAt: 1 } as const;
    await expect(settle(delivery, { record, retry: null })).rejects.toThrow(/WRONGTYPE/);
    expect(await broker.renew([delivery], 10_000)).toEqual([]);
    await redis.command(["DEL", "celery-task-meta-one"]);
    expect(await settle(delivery, { record, retry: null })).toBe(true);
    expect(await results.get("one")).toMatchObject({ state: "SUCCESS" });
    expect(await redis.command(["EXISTS", "unacked", "_tidings.leases"])).toBe(0);
  });

  test("restores what dead workers had beside a message that cannot be written again", async () => {
    let time = Date.now();
    await using broker = new RedisBroker(server.url, { now: () => time });
    await redis.command(["LPUSH", "celery", writeMessage("deep", NESTED), writeMessage("one")]);
    expect(await broker.take(one)).toHaveLength(2);
    time += 10_001;
    expect(await broker.reclaim()).toBe(2);
    const again = await broker.take(one);
    expect(again.map(({ id, lostLeases }) => [id, lostLeases])).toContainEqual(["one", 1]);
    expect(again).toHaveLength(2);
  });

  test("asks no more often when the clock of Redis is behind", async () => {
    const realNow = Date.now;
    vi.spyOn(Date, "now").mockImplementation(() => realNow() + 1_000);
    await using tasks = createTasks({ broker: server.url, results: server.url });
    const early = tasks.task("early", () => "done");
    await using worker = tasks.createWorker();
    await worker.start();
    const before = await countCommands();
    const sent = await early.applyAsync([], { countdownMs: 300 });
    expect(await sent.get({ timeoutMs: 30_000 })).toBe("done");
    expect((await countCommands()) - before).toBeLessThan(500);
  });

  test("does not end a task after a gap that was revoked without being terminated", async () => {
    await using broker = new RedisBroker(server.url);
    let heard = 0;
    broker.onChange(() => heard++);
    await redis.command(["LPUSH", "celery", writeMessage("one")]);
    expect(await broker.take(one)).toHaveLength(1);
    const request = { method: "revoke", arguments: { task_id: "one", terminate: false } };
    const body = Buffer.from(JSON.stringify(request)).toString("base64");
    const envelope = JSON.stringify({ body, properties: { body_encoding: "base64" } });
    await redis.command(["PUBLISH", "/0.celery.pidbox", envelope]);
    await eventually(async () => (await redis.command(["ZCARD", "_tidings.revoked"])) === 1);
    expect(await broker.listCancelled()).toEqual([]);
    const before = heard;
    await redis.command(["ZADD", "_tidings.revoked", String(Date.now() + 60_000), "two"]);
    await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await eventually(() => heard > before);
    expect(await broker.listCancelled()).toEqual([]);
  });

  test("waits for the eta of a message of protocol 1, which is in its body", async () => {
    await using broker = new RedisBroker(server.url);
    const eta = new Date(Date.now() + 60_000).toISOString();
    const call = { task: "t", id: "one", args: [], kwargs: {}, retries: 0, eta };
    const body = Buffer.from(JSON.stringify(call)).toString("base64");
    const properties = { correlation_id: "one", body_encoding: "base64" };
    await redis.command(["LPUSH", "celery", JSON.stringify({ body, headers: {}, properties })]);
    expect(await broker.take(one)).toEqual([]);
    expect(await redis.command(["ZCARD", "_tidings.delayed.celery"])).toBe(1);
  });

  test("forgets after three hours that a task was revoked", async () => {
    let time = Date.now();
    await using broker = new RedisBroker(server.url, { now: () => time });
    await broker.take(one);
    await broker.cancel("one");
    await redis.command(["LPUSH", "celery", writeMessage("one"), writeMessage("one")]);
    const cancelled = await broker.take({ ...one, limit: 1 });
    expect(cancelled.map((delivery) => delivery.cancelled)).toEqual([true]);
    time += 3 * 3_600_000 + 1;
    const later = await broker.take({ ...one, limit: 1 });
    expect(later.map((delivery) => delivery.cancelled)).toEqual([false]);
  });

  test("hears of what is revoked after another of the same process has been closed", async () => {
    await using broker = new RedisBroker(server.url);
    await broker.take(one);
    {
      await using other = new RedisBroker(server.url);
      await other.take(one);
    }
    const request = { method: "revoke", arguments: { task_id: "one" } };
    const body = Buffer.from(JSON.stringify(request)).toString("base64");
    const envelope = JSON.stringify({ body, properties: { body_encoding: "base64" } });
    expect(await redis.command(["PUBLISH", "/0.celery.pidbox", envelope])).toBe(1);
    await redis.command(["LPUSH", "celery", writeMessage("one")]);
    await eventually(async () => (await redis.command(["ZCARD", "_tidings.revoked"])) === 1);
    const deliveries = await broker.take(one);
    expect(deliveries.map(({ cancelled }) => cancelled)).toEqual([true]);
  });
});

test("each of two stores of one process hears of the record that both follow", async () => {
  await using first = new RedisResults(server.url);
  await using second = new RedisResults(server.url);
  let heard = 0;
  const leaveFirst = first.onChange(() => undefined, "one");
  const leaveSecond = second.onChange(() => heard++, "one");
  await eventually(() => heard === 1);
  leaveFirst();
  expect(await redis.command(["PUBLISH", "celery-task-meta-one", "{}"])).toBe(1);
  await eventually(() => heard === 2);
  leaveSecond();
});

async function countCommands(): Promise<number> {
  const info = String(await redis.command(["INFO", "stats"]));
  return Number(/total_commands_processed:(\d+)/.exec(info)?.[1]);
}
