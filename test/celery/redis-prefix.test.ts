import { describe, expect, test } from "vitest";

import { openTaskRedis } from "../../src/tasks/celery-redis/task-redis.ts";
import { createTasks, RedisBroker, RedisResults } from "../../src/tasks/index.ts";
import { RedisLimits } from "../../src/tasks/limits/redis.ts";
import { brokerCases } from "../../src/testing/cases/broker.ts";
import { chordsCases } from "../../src/testing/cases/chords.ts";
import { limitsCases } from "../../src/testing/cases/limits.ts";
import { resultsCases } from "../../src/testing/cases/results.ts";
import { eventually } from "../redis/eventually.ts";
import { useRedis } from "../redis/use-redis.ts";
import { CeleryCaller, CeleryWorker } from "./celery-process.ts";

const { server, redis } = await useRedis();

async function keys(): Promise<readonly string[]> {
  const found = await redis.command(["KEYS", "*"]);
  return Array.isArray(found) ? found.map(String) : [];
}

test("with a prefix of keys, Celery and we call each other, and see nothing of those with another", async () => {
  const options = { broker: server.url, results: server.url };
  await using tasks = createTasks({ ...options, keyPrefix: "app:" });
  await using others = createTasks({ ...options, keyPrefix: "other:" });
  const ran: string[] = [];
  tasks.task("ts.add", (x: number, y: number) => x + y);
  others.task("ts.add", () => ran.push("others"));
  await using stranger = others.createWorker({ queues: ["ours"], name: "stranger@here" });
  await using worker = tasks.createWorker({ queues: ["ours"], name: "ours@here" });
  await Promise.all([worker.start(), stranger.start()]);
  await using python = await CeleryWorker.start({
    broker: server.url,
    results: server.url,
    keyPrefix: "app:",
  });
  await using caller = CeleryCaller.start({
    broker: server.url,
    results: server.url,
    keyPrefix: "app:",
  });
  expect(python.child.exitCode).toBeNull();
  const id = await caller.send("ts.add", [1, 2], { queue: "ours" });
  expect(await caller.get(id)).toBe(3);
  const echoed = await tasks.sendTask("py.echo", ["é"]);
  expect(await echoed.get({ timeoutMs: 30_000 })).toEqual({ args: ["é"], kwargs: {} });
  await eventually(async () => (await tasks.control.ask("ping")).size === 2);
  await expect
    .poll(async () => [...(await others.control.ask("ping")).keys()])
    .toEqual(["stranger@here"]);
  const delayed = await tasks.sendTask("ts.add", [3, 4], { queue: "ours", countdownMs: 300 });
  expect(await delayed.get({ timeoutMs: 30_000 })).toBe(7);
  expect(await tasks.queues.list()).toContain("ours");
  expect(ran).toEqual([]);
  for (const key of await keys()) expect(key).toMatch(/^(app:|other:|celery-task-meta-)/);
});

describe("with a prefix of keys", () => {
  const settings = { keyPrefix: "a*b:", resultKeyPrefix: "results" };

  async function keepPrefix(run: () => Promise<void>): Promise<void> {
    await redis.command(["FLUSHALL"]);
    await run();
    for (const key of await keys()) expect(key).toMatch(/^(a\*b:|results_)/);
  }

  test("the broker keeps its contract", async () => {
    expect(brokerCases.length).toBeGreaterThan(0);
    for (const { run } of brokerCases) {
      await keepPrefix(() =>
        run((options) => new RedisBroker(server.url, { ...options, ...settings })),
      );
    }
  });

  test("results and chords keep theirs", async () => {
    expect(resultsCases.length).toBeGreaterThan(0);
    for (const { run } of [...resultsCases, ...chordsCases]) {
      await keepPrefix(() => run(() => new RedisResults(server.url, settings)));
    }
  });

  test("limits keep theirs", async () => {
    expect(limitsCases.length).toBeGreaterThan(0);
    const place = openTaskRedis(server.url, { prefix: settings.keyPrefix });
    for (const { run } of limitsCases) {
      await keepPrefix(() => run(({ now }) => new RedisLimits(place, now)));
    }
    await place.close();
  });
});
