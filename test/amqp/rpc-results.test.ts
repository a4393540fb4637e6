import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createTasks, currentTask, RpcResults } from "../../src/tasks/index.ts";
import { resultsCases } from "../../src/testing/cases/results.ts";
import { RabbitServer } from "./rabbit-server.ts";

let server: RabbitServer;

beforeAll(async () => {
  server = await RabbitServer.start();
});

afterAll(() => server[Symbol.asyncDispose]());

describe("RpcResults", () => {
  for (const { name, run } of resultsCases) {
    test(name, async () => {
      await expect(run(() => new RpcResults(server.url))).resolves.toBeUndefined();
    });
  }
});

test("a result goes to the process that called, with what came before it, and to no other", async () => {
  const place = { broker: server.url, results: "rpc://" };
  await using workers = createTasks(place);
  await using callers = createTasks(place);
  await using others = createTasks(place);
  workers.task("double", async (n: number) => {
    await currentTask().progress({ done: 1, total: 2 });
    return n * 2;
  });
  await using worker = workers.createWorker();
  await worker.start();
  const sent = await callers.sendTask("double", [21]);
  expect(await sent.get({ timeoutMs: 10_000 })).toBe(42);
  expect(await sent.record()).toMatchObject({
    name: "double",
    state: "SUCCESS",
    runs: 1,
    progress: { done: 1, total: 2 },
  });
  expect((await others.result(sent.id).record()).state).toBe("PENDING");
});

test("who calls and works in one process needs no detour", async () => {
  await using tasks = createTasks({ broker: server.url, results: "rpc://" });
  const fail = tasks.task("fail", () => {
    throw new RangeError("too far");
  });
  await using worker = tasks.createWorker();
  await worker.start();
  await expect((await fail.delay()).get({ timeoutMs: 10_000 })).rejects.toMatchObject({
    code: "TASK_FAILED",
    cause: { type: "RangeError", message: "too far" },
  });
});

test("a result still comes after RabbitMQ was killed and has come back", async () => {
  const place = { broker: server.url, results: "rpc://" };
  await using workers = createTasks(place);
  await using callers = createTasks(place);
  const started = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  workers.task("wait", async () => {
    started.resolve();
    await mayEnd.promise;
    return "ended";
  });
  await using worker = workers.createWorker();
  await worker.start();
  const sent = await callers.sendTask("wait");
  await started.promise;
  await server.kill();
  await server.start();
  mayEnd.resolve();
  expect(await sent.get({ timeoutMs: 30_000 })).toBe("ended");
});

test("results are not sent where the broker is no RabbitMQ", () => {
  expect(() => createTasks({ broker: "memory:", results: "rpc://" })).toThrow(
    "expected a broker URL amqp: or amqps: with results in rpc://, got `memory:`",
  );
});
