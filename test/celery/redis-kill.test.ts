import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

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
