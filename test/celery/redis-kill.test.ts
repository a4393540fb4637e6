import { setTimeout as delay } from "node:timers/promises";

import { expect, test } from "vitest";

import { isTidingsError } from "../../src/core/errors.ts";
import { openRedis } from "../../src/redis/index.ts";
import { createTasks } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { useRedis } from "../redis/use-redis.ts";
import { CeleryCaller, CeleryWorker } from "./celery-process.ts";
import { describeSharedQueue } from "./describe-shared-queue.ts";
import { OwnWorker } from "./own-worker.ts";

const { server, redis } = await useRedis();
const place = { broker: server.url, results: server.url };

const countTaken = async (): Promise<number> => Number(await redis.command(["HLEN", "unacked"]));

describeSharedQueue(() => place);

test("a message that a killed Python worker had is restored after an hour", async () => {
  await using tasks = createTasks(place);
  await using caller = CeleryCaller.start(server.url);
  const celery = await CeleryWorker.start(server.url, { acksLate: true });
  const id = await caller.send("py.slow", [60], { kwargs: {} });
  await eventually(async () => (await countTaken()) === 1);
  await celery.kill();
  // An hour passes.
  const tags = await redis.command(["ZRANGE", "unacked_index", "0", "-1"]);
  const [tag = null] = Array.isArray(tags) ? tags : [];
  const hourAgo = String(Date.now() / 1_000 - 3_601);
  await redis.command(["ZADD", "unacked_index", hourAgo, String(tag)]);
  tasks.task("py.slow", async (seconds: number) => {
    await delay(1);
    return `${seconds} in another language`;
  });
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await caller.get(id)).toBe("60 in another language");
  expect(await countTaken()).toBe(0);
  expect(await redis.command(["EXISTS", "unacked_mutex"])).toBe(0);
});

test("a Python worker runs what ours had when none of ours is left", async () => {
  await using tasks = createTasks(place);
  await using caller = CeleryCaller.start(server.url);
  await using ours = await OwnWorker.start(place);
  const sent = await tasks.sendTask("shared.slow", [60_000]);
  await eventually(async () => (await countTaken()) === 1);
  await ours.kill();
  await caller.sweep();
  expect(await countTaken()).toBe(0);
  await using celery = await CeleryWorker.start(server.url);
  expect(await sent.get({ timeoutMs: 30_000 })).toBe("python");
  expect(celery.child.exitCode).toBeNull();
});

test("tasks go on after Redis has gone and come back, with nothing in it", async () => {
  await using server2 = await RedisServer.start();
  await using tasks = createTasks({ broker: server2.url, results: server2.url });
  const add = tasks.task("add", (x: number, y: number) => x + y);
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await (await add.delay(1, 2)).get({ timeoutMs: 30_000 })).toBe(3);
  await server2.kill();
  await expect(add.delay(1, 2)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  await server2.start();
  const sent = await eventuallySent(() => add.delay(3, 4));
  expect(await sent.get({ timeoutMs: 30_000 })).toBe(7);
  await using client = openRedis(server2.url);
  expect(await client.command(["SCARD", "_kombu.binding.celery"])).toBe(1);
});

/** Sends again until it is accepted. */
async function eventuallySent<T>(send: () => Promise<T>): Promise<T> {
  let sent: T | undefined;
  await eventually(async () => {
    try {
      sent = await send();
      return true;
    } catch (error) {
      if (!isTidingsError(error, "STORAGE_UNAVAILABLE")) throw error;
      return false;
    }
  });
  if (sent === undefined) throw new Error("it was never accepted");
  return sent;
}
