import { describe, expect, test } from "vitest";

import { createTasks, RedisBroker } from "../../src/tasks/index.ts";
import { useRedis } from "../redis/use-redis.ts";

const { server, redis } = await useRedis();

const death = {
  task: "t",
  reason: "poisoned",
  error: { type: "TASK_WORKER_LOST", message: "no" },
  diedAt: 1_795_208_508_829,
} as const;

describe("dead letters in Redis", () => {
  test("keep what is no message at all, byte for byte, and send it again as it was", async () => {
    const url = server.url;
    await using tasks = createTasks({ broker: url, results: url });
    const texts = ["no JSON: é\n\u0000", '{"body": 5}', `{"tower": ${"[".repeat(9_999)}`];
    await redis.command(["LPUSH", "celery", ...texts]);
    await using worker = tasks.createWorker();
    await worker.start();
    await expect.poll(() => tasks.deadLetters.count()).toBe(3);
    const { letters } = await tasks.deadLetters.list();
    expect(new Set(letters.map(({ reason }) => reason))).toEqual(new Set(["unreadable"]));
    const bodies = letters.map(({ message }) => Buffer.from(message.body).toString());
    expect(bodies.toSorted()).toEqual(texts.toSorted());
    for (const { id } of letters) {
      expect(await tasks.result(id).record()).toMatchObject({ state: "FAILURE" });
    }
    // Nothing is left of them but the letters.
    expect(await redis.command(["EXISTS", "celery", "unacked", "_tidings.leases"])).toBe(0);
    expect(await tasks.deadLetters.redriveAll()).toBe(3);
    await expect.poll(() => tasks.deadLetters.count()).toBe(3);
  });

  test("leave the delivery as it is when they cannot be written", async () => {
    await using broker = new RedisBroker(server.url);
    await using tasks = createTasks({ broker, results: server.url });
    const result = await tasks.sendTask("t");
    const [delivery] = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 10_000 });
    if (!delivery) throw new Error("one was sent");
    await redis.command(["SET", "_tidings.dead", "no sorted set"]);
    await expect(broker.deadLetters.bury(delivery, death)).rejects.toThrow(/WRONGTYPE/);
    expect(await redis.command(["HLEN", "unacked"])).toBe(1);
    expect(await broker.renew([delivery], 10_000)).toEqual([]);
    expect(delivery.id).toBe(result.id);
  });

  test("are found page by page when they are large", async () => {
    await using broker = new RedisBroker(server.url);
    await using tasks = createTasks({ broker, results: server.url, maxMessageBytes: 5_000_000 });
    const blob = "x".repeat(4_000_000);
    for (let n = 0; n < 3; n++) await tasks.sendTask("t", [blob]);
    for (const delivery of await broker.take({ queues: ["celery"], limit: 3, leaseMs: 60_000 })) {
      await broker.deadLetters.bury(delivery, death);
    }
    const { letters, next } = await broker.deadLetters.read({ limit: 100 });
    expect([letters.length, typeof next]).toEqual([2, "string"]);
    const first = await tasks.deadLetters.list({ task: "t" });
    const second = await tasks.deadLetters.list({ task: "t", after: first.next ?? "" });
    expect([first.letters.length, second.letters.length, second.next]).toEqual([2, 1, null]);
  });
});
