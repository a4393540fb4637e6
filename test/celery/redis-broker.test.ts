import { describe, expect, test } from "vitest";

import { createTasks, pendingRecord, RedisBroker, RedisResults } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { useRedis } from "../redis/use-redis.ts";
import { CAPTURED, captured } from "./captured.ts";

const { server, redis } = await useRedis();

/** Messages as Celery sent them. */
const vectors = CAPTURED.flatMap(({ name, envelope }) =>
  envelope === undefined ? [] : [{ name, envelope }],
);

/** A plain call, as Celery 5.6.3 sent it. */
function capturedMessage(): string {
  return captured("task-simple").envelope ?? "";
}

const one = { queues: ["celery"], limit: 10, leaseMs: 10_000 };

describe("a broker in Redis", () => {
  test("writes what it takes where kombu looks for it, as kombu does", async () => {
    await using broker = new RedisBroker(server.url);
    const text = capturedMessage();
    await redis.command(["LPUSH", "celery", text]);
    const [delivery] = await broker.take(one);
    expect(delivery?.id).toBe("8192f324-ebe2-4b39-986d-07bdce76ded1");
    expect(String(await redis.command(["HVALS", "unacked"]))).toBe(`[${text}, "", "celery"]`);
    expect(await redis.command(["ZCARD", "unacked_index"])).toBe(1);
    expect(String(await redis.command(["OBJECT", "ENCODING", "unacked_index"]))).toBe("skiplist");
    if (delivery) await broker.acknowledge(delivery);
    expect(await redis.command(["EXISTS", "unacked", "unacked_index"])).toBe(0);
  });

  test.each(vectors)("puts $name back as Celery sent it", async ({ envelope }) => {
    await using broker = new RedisBroker(server.url);
    await redis.command(["LPUSH", "celery", envelope]);
    const [delivery] = await broker.take(one);
    if (delivery) await broker.putBack(delivery, { dueAt: 0 });
    const lists = ["celery", ...[3, 6, 9].map((step) => `celery\u0006\u0016${step}`)];
    const found = await Promise.all(lists.map((list) => redis.command(["RPOP", list])));
    const text = String(found.find((reply) => reply !== null));
    const sent = JSON.parse(envelope) as Envelope;
    const { delivery_tag: _, ...properties } = sent.properties;
    const again = JSON.parse(text) as Envelope;
    expect(again).toMatchObject({ ...sent, properties: { ...properties, delivery_info: {} } });
    expect(again.properties).toMatchObject({
      delivery_info: { exchange: "", routing_key: "celery", redelivered: true },
      tidings: { runs: 1, lost: 0 },
    });
  });

  test("declares a queue as kombu does", async () => {
    await using tasks = createTasks({ broker: server.url, results: server.url });
    await tasks.sendTask("t", [], { queue: "mail" });
    const members = await redis.command(["SMEMBERS", "_kombu.binding.mail"]);
    expect(String(members)).toBe("mail\u0006\u0016\u0006\u0016mail");
  });

  test("sends nothing to the queue of a Broadcast, which nobody reads", async () => {
    await using tasks = createTasks({ broker: server.url, results: server.url });
    const binding = "celery\u0006\u0016\u0006\u0016bcast.of-who-has-gone";
    await redis.command(["SADD", "_kombu.binding.news", binding]);
    const sending = tasks.sendTask("t", [], { exchange: "news", routingKey: "celery" });
    await expect(sending).rejects.toMatchObject({ code: "TASK_UNROUTABLE" });
    expect(await redis.command(["EXISTS", "bcast.of-who-has-gone"])).toBe(0);
  });

  test("takes the lists of priorities in their order", async () => {
    await using broker = new RedisBroker(server.url);
    const { length } = [9, 3, 0, 6];
    for (const step of [9, 3, 0, 6]) {
      const key = step === 0 ? "celery" : `celery\u0006\u0016${step}`;
      const text = capturedMessage().replaceAll("8192f324", `step-${step}`);
      await redis.command(["LPUSH", key, text]);
    }
    const deliveries = await broker.take(one);
    expect(deliveries.map(({ id }) => id.slice(0, 6))).toEqual([
      "step-0",
      "step-3",
      "step-6",
      "step-9",
    ]);
    expect(deliveries).toHaveLength(length);
  });

  test("hears of a message that somebody else pushed, without asking", async () => {
    await using broker = new RedisBroker(server.url);
    let heard = 0;
    broker.onChange(() => heard++);
    await broker.take(one);
    await broker.nextDueAt(["celery"]);
    const asked = await countCommands();
    expect(await broker.take(one)).toEqual([]);
    expect(await countCommands()).toBe(asked + 1);
    const before = heard;
    await redis.command(["LPUSH", "celery", capturedMessage()]);
    await eventually(() => heard > before);
    expect(await broker.take(one)).toHaveLength(1);
  });

  test("marks a task as cancelled that nobody has taken, in every process", async () => {
    await using canceller = new RedisBroker(server.url);
    await redis.command(["LPUSH", "celery", capturedMessage()]);
    const found = await canceller.cancel("8192f324-ebe2-4b39-986d-07bdce76ded1");
    expect(found).toEqual({ queue: null, message: null, running: false });
    await using broker = new RedisBroker(server.url);
    const [delivery] = await broker.take(one);
    expect(delivery?.cancelled).toBe(true);
  });

  test("finds a task to cancel that waits for its time, and discards it", async () => {
    await using tasks = createTasks({ broker: server.url, results: server.url });
    await using broker = new RedisBroker(server.url);
    const sent = await tasks.sendTask("t", [], { countdownMs: 60_000 });
    expect(await broker.take(one)).toEqual([]);
    expect(await redis.command(["ZCARD", "_tidings.delayed.celery"])).toBe(1);
    expect(await sent.cancel()).toBe(true);
    expect(await sent.record()).toMatchObject({ state: "REVOKED", name: "t", queue: "celery" });
    const keys = ["_tidings.delayed.celery", "_tidings.delayed", "celery", "unacked"];
    expect(await redis.command(["EXISTS", ...keys])).toBe(0);
  });

  test("stores no record for who has lost the lease", async () => {
    let time = Date.now();
    await using broker = new RedisBroker(server.url, { now: () => time });
    await using results = new RedisResults(server.url);
    await redis.command(["LPUSH", "celery", capturedMessage()]);
    const [delivery] = await broker.take(one);
    if (!delivery) throw new Error("nothing was taken");
    time += 10_001;
    expect(await broker.reclaim()).toBe(1);
    const record = { ...pendingRecord(delivery.id), state: "SUCCESS", finishedAt: time } as const;
    const settle = broker.settleWith(results);
    expect(await settle?.(delivery, { record, retry: null })).toBe(false);
    expect(await results.get(delivery.id)).toBeNull();
    const [again] = await broker.take(one);
    if (!again) throw new Error("nothing was restored");
    expect(again.message.headers).toMatchObject({ redelivered: true });
    expect(await settle?.(again, { record, retry: null })).toBe(true);
    expect(await results.get(delivery.id)).toMatchObject({ state: "SUCCESS", revision: 1 });
  });

  test("wakes who waits for a result in another process, once it is stored", async () => {
    await using results = new RedisResults(server.url);
    await using caller = createTasks({ broker: "memory:", results: `${server.url}/0` });
    const ended = caller.result("one").get({ timeoutMs: 30_000 });
    await eventually(async () => {
      const reply = await redis.command(["PUBSUB", "NUMSUB", "celery-task-meta-one"]);
      return Array.isArray(reply) && reply[1] === 1;
    });
    const record = { ...pendingRecord("one"), state: "STARTED", runs: 1 } as const;
    expect(await results.store(record)).toBe(true);
    const result = { list: [1, "é 🙂"] };
    await results.store({ ...record, state: "SUCCESS", finishedAt: 1, result });
    expect(await ended).toEqual(result);
    expect(await results.get("one")).toMatchObject({ result, revision: 2 });
  });

  test("hands out what is no message, so that a worker can say so", async () => {
    await using broker = new RedisBroker(server.url);
    for (const text of ["}{", "[]", '{"body": 1}', "\u0000"]) {
      await redis.command(["LPUSH", "celery", text]);
    }
    const deliveries = await broker.take(one);
    expect(deliveries.map(({ message }) => String(Buffer.from(message.body)))).toEqual([
      "}{",
      "[]",
      '{"body": 1}',
      "\u0000",
    ]);
  });

  test("refuses a cluster: Celery's keys have no common slot", () => {
    expect(() => new RedisBroker("redis+cluster://127.0.0.1:1")).toThrow(/got a cluster/);
  });
});

interface Envelope {
  readonly properties: Readonly<Record<string, unknown>>;
}

async function countCommands(): Promise<number> {
  const info = String(await redis.command(["INFO", "stats"]));
  return Number(/total_commands_processed:(\d+)/.exec(info)?.[1]);
}
