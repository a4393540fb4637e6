import { setTimeout as delay } from "node:timers/promises";

import { expect, test } from "vitest";

import { isTidingsError } from "../../src/core/errors.ts";
import { openRedis } from "../../src/redis/index.ts";
import { createTasks, type AsyncResult, type Tasks } from "../../src/tasks/index.ts";
import { freePort } from "../free-port.ts";
import { Certificate } from "../redis/certificate.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisSentinel } from "../redis/redis-sentinel.ts";
import { RedisServer } from "../redis/redis-server.ts";

test("tasks run over TLS, and not where the server's certificate is not trusted", async () => {
  using certificate = new Certificate();
  const { certFile, keyFile, pem } = certificate;
  const port = await freePort();
  const files = ["--tls-cert-file", certFile, "--tls-key-file", keyFile];
  const authority = ["--tls-ca-cert-file", certFile, "--tls-auth-clients", "no"];
  const args = ["--port", "0", "--tls-port", String(port), ...files, ...authority];
  await using server = await RedisServer.start(args, port);
  const url = `rediss://127.0.0.1:${server.port}`;
  await using tasks = createTasks({ broker: url, results: url, tls: { ca: pem } });
  const add = tasks.task("add", (x: number, y: number) => x + y);
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await (await add.delay(1, 2)).get({ timeoutMs: 30_000 })).toBe(3);
  await using others = createTasks({ broker: url, results: url });
  await expect(others.sendTask("add", [1, 2])).rejects.toMatchObject({
    code: "STORAGE_UNAVAILABLE",
  });
});

test("tasks go on at the new master when the old one dies, and none that it had passed on is lost", async () => {
  await using sentinel = await RedisSentinel.start();
  await using tasks = createTasks({ broker: sentinel.url, results: sentinel.url });
  const slow = tasks.task("slow", async (waitMs: number) => {
    await delay(waitMs);
    return waitMs;
  });
  await using worker = tasks.createWorker({ concurrency: 2 });
  await worker.start();
  const sent = await Promise.all([1_000, 900, 10, 20, 30].map((waitMs) => slow.delay(waitMs)));
  await using direct = openRedis(sentinel.master.url);
  await eventually(async () => Number(await direct.command(["WAIT", "1", "1000"])) === 1);
  await sentinel.master.kill();
  const results = await Promise.all(sent.map((result) => getThrough(result)));
  expect(results).toEqual([1_000, 900, 10, 20, 30]);
  const later = await eventuallySent(() => slow.delay(1));
  expect(await later.get({ timeoutMs: 30_000 })).toBe(1);
}, 120_000);

test("tasks go to the next server of a list, and what waits in the first is run when it is used again", async () => {
  await using one = await RedisServer.start(["--appendonly", "yes", "--appendfsync", "always"]);
  await using other = await RedisServer.start();
  const url = `${one.url};${other.url}`;
  await using tasks = createTasks({ broker: url, results: url });
  const add = tasks.task("add", (x: number, y: number) => x + y);
  const waiting = await add.delay(1, 2);
  await one.kill();
  await using worker = tasks.createWorker();
  await worker.start();
  const elsewhere = await eventuallySent(() => add.delay(3, 4));
  expect(await elsewhere.get({ timeoutMs: 30_000 })).toBe(7);
  await one.start();
  await other.kill();
  expect(await getFrom(tasks, waiting)).toBe(3);
});

test("what a Python worker took and never ended is put back after the visibility timeout that was set", async () => {
  await using server = await RedisServer.start();
  await using redis = openRedis(server.url);
  const settings = { broker: server.url, results: server.url, visibilityTimeoutMs: 60_000 };
  await using tasks = createTasks(settings);
  const add = tasks.task("add", (x: number, y: number) => x + y);
  const sent = await add.delay(1, 2);
  // As kombu takes a message: popped, then written down with the time.
  const text = String(await redis.command(["RPOP", "celery"]));
  const minuteAgo = String(Date.now() / 1_000 - 61);
  await redis.command(["ZADD", "unacked_index", minuteAgo, "tag"]);
  await redis.command(["HSET", "unacked", "tag", `[${text}, "", "celery"]`]);
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await sent.get({ timeoutMs: 30_000 })).toBe(3);
});

/** Sends again until it is accepted. */
async function eventuallySent<T>(send: () => Promise<AsyncResult<T>>): Promise<AsyncResult<T>> {
  let sent: AsyncResult<T> | undefined;
  await eventually(async () => {
    try {
      sent = await send();
      return true;
    } catch (error) {
      if (!isTidingsError(error, "STORAGE_UNAVAILABLE")) throw error;
      return false;
    }
  });
  if (!sent) throw new Error("it was never accepted");
  return sent;
}

/** Waits for a result through outages. */
async function getFrom<T>(tasks: Tasks, { id }: AsyncResult<T>): Promise<unknown> {
  let value: unknown;
  await eventually(async () => {
    try {
      const record = await tasks.results.get(id);
      value = record.result;
      return record.state === "SUCCESS";
    } catch (error) {
      if (!isTidingsError(error, "STORAGE_UNAVAILABLE")) throw error;
      return false;
    }
  });
  return value;
}

/** Waits for a result through an outage: a sentinel that has stood still itself does nothing for half a minute. */
async function getThrough<T>(result: AsyncResult<T>): Promise<T> {
  for (;;) {
    try {
      return await result.get({ timeoutMs: 90_000 });
    } catch (error) {
      if (!isTidingsError(error, "STORAGE_UNAVAILABLE")) throw error;
      await delay(20);
    }
  }
}
