import { describe, expect, test } from "vitest";

import { openTaskRedis } from "../../src/tasks/celery-redis/task-redis.ts";
import { RedisControl } from "../../src/tasks/control/redis.ts";
import { pendingRecord, RedisBroker, RedisResults } from "../../src/tasks/index.ts";
import { useRedis } from "../redis/use-redis.ts";
import { captured, capturedText } from "./captured.ts";

const { server, redis } = await useRedis();

/** The words of a command of Celery's, behind the first. */
function words(name: string): readonly string[] {
  return captured(name).command?.slice(1) ?? [];
}

describe("what Celery's workers told Redis is what ours tell it", () => {
  test("of a message that is sent, taken and done", async () => {
    await using broker = new RedisBroker(server.url);
    const [bindings = "", member] = words("binding-default-queue");
    await broker.publish("celery", MESSAGE);
    expect(await members(bindings)).toEqual([member]);
    await redis.command(["DEL", "celery"]);

    const { queue = "", envelope = "" } = captured("task-simple");
    await redis.command(["LPUSH", queue, envelope]);
    const [delivery] = await broker.take({ queues: [queue], limit: 1, leaseMs: 10_000 });
    const [taken = "", tag, text] = words("unacked-hset");
    const [field = "", ...others] = (await list(["HKEYS", taken])) ?? [];
    expect(others).toEqual([]);
    expect(String(await redis.command(["HGET", taken, field]))).toBe(text);
    const [index = ""] = words("unacked-zadd");
    const score = Number(await redis.command(["ZSCORE", index, field]));
    expect(score).toBeCloseTo(Date.now() / 1_000, -2);
    expect(words("unacked-zadd").slice(2)).toEqual([tag]);

    if (delivery) await broker.acknowledge(delivery);
    // `ZREM unacked_index tag`, `HDEL unacked tag`
    expect([words("ack-zrem"), words("ack-hdel")]).toEqual([
      [index, tag],
      [taken, tag],
    ]);
    expect(await redis.command(["EXISTS", index, taken])).toBe(0);
  });

  test("of a record: stored and published, word for word the same", async () => {
    await using results = new RedisResults(server.url);
    const [channel = "", text = ""] = words("result-success-publish");
    expect(text).toBe(captured("result-success").result);
    const id = channel.replace("celery-task-meta-", "");
    await redis.command(["SET", channel, text]);
    expect(await results.get(id)).toMatchObject({ id, state: "SUCCESS", result: 5 });
    const heard: string[] = [];
    await redis.subscribe("celery-task-meta-ours", (payload) => heard.push(String(payload)));
    await results.store({ ...pendingRecord("ours"), state: "SUCCESS", result: 5, finishedAt: 1 });
    const stored = String(await redis.command(["GET", "celery-task-meta-ours"]));
    await expect.poll(() => heard).toEqual([stored]);
  });

  test("of a group that is saved", async () => {
    await using results = new RedisResults(server.url);
    const [key = "", seconds, text = ""] = words("group-saved");
    const id = key.replace("celery-taskset-meta-", "");
    await redis.command(["SET", key, text]);
    const group = await results.chords.loadGroup(id);
    expect(group).toMatchObject({
      id,
      members: [{ id: expect.stringMatching(/^c92/) }, { id: expect.stringMatching(/^2ad/) }],
    });
    await redis.command(["DEL", key]);
    if (group) await results.chords.saveGroup(group);
    expect(String(await redis.command(["GET", key]))).toBe(text);
    expect(await secondsLeft(key)).toBeCloseTo(Number(seconds), -2);
  });

  test("of a chord: its size, and its parts where Celery counts them", async () => {
    await using results = new RedisResults(server.url);
    const [sizeKey = "", seconds, size] = words("chord-size-key");
    const [partsKey = "", score, part = ""] = words("chord-part-zadd");
    const id = sizeKey.slice("celery-taskset-meta-".length, -".s".length);
    await results.chords.setSize(id, 3);
    expect(String(await redis.command(["GET", sizeKey]))).toBe(size);
    expect(await secondsLeft(sizeKey)).toBeCloseTo(Number(seconds), -2);
    const [, task, , result] = JSON.parse(part);
    const done = { id: task, index: 0, state: "SUCCESS", result, error: null } as const;
    expect(await results.chords.addPart(id, done)).toBeNull();
    expect(await list(["ZRANGE", partsKey, "0", "-1", "WITHSCORES"])).toEqual([part, score]);

    // What Celery's workers added is counted with ours, as they do it, failures too.
    const [, ...range] = words("chord-part-zcount");
    expect(range).toEqual(["-inf", "+inf"]);
    const failed = capturedText("chord-failed-part-zadd");
    await redis.command(["ZADD", partsKey, "1", failed]);
    const parts = await results.chords.addPart(id, { ...done, id: "last", index: 2 });
    expect(parts).toMatchObject([
      { id: task, result: 0 },
      { state: "FAILURE", error: { type: "MyErr", message: "('in chord', 42)" } },
      { id: "last" },
    ]);
    expect(await redis.command(["ZCOUNT", partsKey, ...range])).toBe(3);
  });

  test("of who waits for answers", async () => {
    await using place = new AsyncDisposableStack();
    const opened = openTaskRedis(server.url);
    place.defer(() => opened.close());
    const control = new RedisControl(opened);
    const [bindings = "", member = ""] = words("binding-reply-pidbox");
    const [theirs = ""] = member.split("\u0006");
    await using inbox = await control.openInbox(() => {});
    const { routingKey } = inbox.address;
    expect(await members(bindings)).toEqual([member.replaceAll(theirs, routingKey)]);
    expect(words("pidbox-reply-ping")[0]).toMatch(/^[0-9a-f-]{36}\.reply\.celery\.pidbox$/);
    expect(words("pidbox-request-ping")[0]).toBe("/0.celery.pidbox");
  });
});

const MESSAGE = {
  id: "one",
  headers: {},
  body: new Uint8Array(),
  contentType: "application/json",
  contentEncoding: "utf-8",
  properties: {},
};

async function list(command: readonly string[]): Promise<readonly string[]> {
  const reply = await redis.command(command);
  return Array.isArray(reply) ? reply.map(String) : [];
}

async function members(key: string): Promise<readonly string[]> {
  return await list(["SMEMBERS", key]);
}

/** For how long Redis keeps a key; some of it may have passed. */
async function secondsLeft(key: string): Promise<number> {
  return Number(await redis.command(["TTL", key]));
}
