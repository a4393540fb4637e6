import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { isTidingsError } from "../../src/core/errors.ts";
import { openRedis, type Redis } from "../../src/redis/index.ts";
import { createTasks } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { CeleryCaller, CeleryWorker } from "./celery-process.ts";

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

beforeEach(() => redis.command(["FLUSHALL"]));

async function startWorker(): Promise<ChildProcess> {
  const main = fileURLToPath(new URL("worker-main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=tidings-source", main, server.url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout) await once(child.stdout, "data");
  return child;
}

const countTaken = async (): Promise<number> => Number(await redis.command(["HLEN", "unacked"]));

test("what a killed worker of ours had runs again, and is recorded once", async () => {
  await using tasks = createTasks({ broker: server.url, results: server.url });
  const first = await startWorker();
  const sent = await Promise.all(
    Array.from({ length: 6 }, () => tasks.sendTask("shared.slow", [300])),
  );
  await eventually(async () => (await countTaken()) === 2);
  first.kill("SIGKILL");
  const second = await startWorker();
  const pids = await Promise.all(sent.map((result) => result.get({ timeoutMs: 15_000 })));
  const records = await Promise.all(sent.map((result) => result.record()));
  second.kill("SIGKILL");
  expect(new Set(pids)).toEqual(new Set([second.pid]));
  expect(records.filter(({ runs }) => runs === 2)).toHaveLength(2);
  await eventually(async () => (await countTaken()) === 0);
});

test("a message that a killed Python worker had is restored after an hour", async () => {
  await using tasks = createTasks({ broker: server.url, results: server.url });
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
  await using tasks = createTasks({ broker: server.url, results: server.url });
  await using caller = CeleryCaller.start(server.url);
  const ours = await startWorker();
  const sent = await tasks.sendTask("shared.slow", [60_000]);
  await eventually(async () => (await countTaken()) === 1);
  ours.kill("SIGKILL");
  await caller.sweep();
  expect(await countTaken()).toBe(0);
  await using celery = await CeleryWorker.start(server.url);
  expect(await sent.get({ timeoutMs: 15_000 })).toBe("python");
  expect(celery.child.exitCode).toBeNull();
});

test("workers of both languages share a queue, and every task of either caller ends once", async () => {
  await using tasks = createTasks({ broker: server.url, results: server.url });
  await using caller = CeleryCaller.start(server.url);
  const ours = await startWorker();
  await using celery = await CeleryWorker.start(server.url);
  const sent = await Promise.all(
    Array.from({ length: 150 }, () => tasks.sendTask("shared.slow", [1])),
  );
  const pythonIds: string[] = [];
  for (let n = 0; n < 50; n++) pythonIds.push(await caller.send("shared.slow", [1]));
  const results = await Promise.all(sent.map((result) => result.get({ timeoutMs: 20_000 })));
  for (const id of pythonIds) results.push(await caller.get(id));
  ours.kill("SIGKILL");
  expect(new Set(results)).toEqual(new Set(["python", ours.pid]));
  const records = await Promise.all(sent.map((result) => result.record()));
  expect(records.every(({ runs }) => runs <= 1)).toBe(true);
  expect(celery.child.exitCode).toBeNull();
  await eventually(async () => (await countTaken()) === 0);
});

test("tasks go on after Redis has gone and come back, with nothing in it", async () => {
  await using server2 = await RedisServer.start();
  await using tasks = createTasks({ broker: server2.url, results: server2.url });
  const add = tasks.task("add", (x: number, y: number) => x + y);
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await (await add.delay(1, 2)).get({ timeoutMs: 10_000 })).toBe(3);
  await server2.kill();
  await expect(add.delay(1, 2)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  await server2.start();
  const sent = await eventuallySent(() => add.delay(3, 4));
  expect(await sent.get({ timeoutMs: 15_000 })).toBe(7);
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
