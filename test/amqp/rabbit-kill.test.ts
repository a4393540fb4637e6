import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { createTasks, currentTask, type Tasks } from "../../src/tasks/index.ts";
import { CeleryCaller, CeleryWorker } from "../celery/celery-process.ts";
import { countStarted, describeSharedQueue } from "../celery/describe-shared-queue.ts";
import { OwnWorker, type TaskPlace } from "../celery/own-worker.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { RabbitServer } from "./rabbit-server.ts";

let server: RabbitServer;
let redis: RedisServer;
let place: TaskPlace;

beforeAll(async () => {
  [server, redis] = await Promise.all([RabbitServer.start(), RedisServer.start()]);
  place = { broker: server.url, results: redis.url };
});

// A try that failed may have left it dead, and messages where they were.
beforeEach(async () => {
  await server.start();
  await using tasks = createTasks(place);
  await tasks.queues.purge("celery");
}, 120_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

const countWaiting = async (tasks: Tasks): Promise<number> =>
  (await tasks.queues.count("celery")).waiting;

describeSharedQueue(() => place);

test("each language runs what a killed worker of the other one had", async () => {
  await using tasks = createTasks(place);
  await using ours = await OwnWorker.start(place);
  const sent = await tasks.sendTask("shared.slow", [60_000]);
  await eventually(async () => (await countStarted([sent])) === 1);
  await ours.kill();
  const celery = await CeleryWorker.start(place, { acksLate: true });
  expect(await sent.get({ timeoutMs: 30_000 })).toBe("python");

  await using caller = CeleryCaller.start(place);
  const id = await caller.send("py.slow", [60]);
  // With late acknowledgements its one process has it, and takes no other.
  await eventually(async () => (await countWaiting(tasks)) === 0);
  await celery.kill();
  tasks.task("py.slow", (seconds: number) => `${seconds} in another language`);
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await caller.get(id)).toBe("60 in another language");
});

test("a task that kills its worker again and again ends as a failure that says so", async () => {
  await using tasks = createTasks(place);
  const sent = await tasks.sendTask("shared.crash");
  for (let deaths = 0; deaths < 2; deaths++) await (await OwnWorker.start(place)).ended();
  // Each of them has left the one message, with its death counted.
  await eventually(async () => (await countWaiting(tasks)) > 0);
  expect(await countWaiting(tasks)).toBe(1);
  tasks.task("shared.crash", () => "never runs");
  await using worker = tasks.createWorker({ maxDeliveries: 2 });
  await worker.start();
  await expect(sent.get({ timeoutMs: 30_000 })).rejects.toMatchObject({
    code: "TASK_FAILED",
    cause: { type: "TASK_WORKER_LOST" },
  });
});

test("every task that was accepted ends when RabbitMQ is killed in the middle of the run", async () => {
  await using tasks = createTasks(place);
  const runs = new Map<string, number>();
  const killed = Promise.withResolvers<void>();
  const count = tasks.task("count", async () => {
    const { id } = currentTask();
    const isNew = !runs.has(id);
    runs.set(id, (runs.get(id) ?? 0) + 1);
    if (isNew && runs.size === 20) await server.kill().then(killed.resolve);
    return id;
  });
  // The first that wait: RabbitMQ has just been told where.
  const delays = Array.from({ length: 100 }, (_, n) => (n % 5 === 0 ? 2_000 + n * 10 : 0));
  const sent = await Promise.all(
    delays.map((countdownMs) => count.applyAsync([], { countdownMs })),
  );
  await using worker = tasks.createWorker({ concurrency: 5 });
  await worker.start();
  await killed.promise;
  await server.start();
  const results = await Promise.all(sent.map((result) => result.get({ timeoutMs: 60_000 })));
  expect(results).toEqual(sent.map(({ id }) => id));
  expect([...runs.values()].filter((times) => times > 1).length).toBeLessThanOrEqual(5);
  expect(await countWaiting(tasks)).toBe(0);
}, 120_000);
