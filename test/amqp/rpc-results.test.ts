import { encode } from "@msgpack/msgpack";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { Amqp } from "../../src/amqp/index.ts";
import { createTasks, currentTask, pendingRecord, RpcResults } from "../../src/tasks/index.ts";
import { resultsCases } from "../../src/testing/cases/results.ts";
import { eventually } from "../redis/eventually.ts";
import { RabbitServer } from "./rabbit-server.ts";

let server: RabbitServer;

beforeAll(async () => {
  server = await RabbitServer.start();
});

// A try that failed may have left it dead.
beforeEach(() => server.start(), 120_000);

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
  expect(await sent.get({ timeoutMs: 30_000 })).toBe(42);
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
  await expect((await fail.delay()).get({ timeoutMs: 30_000 })).rejects.toMatchObject({
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
}, 120_000);

test("what Python sends of a task that one of ours had begun ends it, in every serializer of ours", async () => {
  await using callers = new RpcResults(server.url);
  await using workers = new RpcResults(server.url);
  await using amqp = new Amqp(server.url);
  await callers.replies.open();
  const { name: routingKey } = callers.replies;
  const begun = { ...pendingRecord("one"), state: "STARTED", runs: 1 } as const;
  expect(await workers.store(begun, routingKey)).toBe(true);
  expect(await workers.store({ ...begun, id: "nobody's" }, null)).toBe(true);
  const publisher = await (await amqp.session()).publisher();
  const meta = { task_id: "one", status: "SUCCESS", result: 42, traceback: null, children: [] };
  const [packed, text] = [encode({ ...meta, task_id: "two" }), JSON.stringify(meta)];
  for (const [id, contentType, body] of [
    ["one", "application/json", Buffer.from(text)],
    ["two", "application/x-msgpack", packed],
    ["broken", "application/json", Buffer.from("{")],
  ] as const) {
    const properties = { contentType, contentEncoding: "utf-8", correlationId: id };
    await publisher.publish({ exchange: "", routingKey, body, properties });
  }
  await eventually(async () => (await callers.get("broken")) !== null);
  expect(await callers.get("one")).toMatchObject({ state: "SUCCESS", result: 42, runs: 1 });
  expect(await callers.get("two")).toMatchObject({ state: "SUCCESS", result: 42 });
  expect(await callers.get("broken")).toMatchObject({
    state: "FAILURE",
    error: { type: "MESSAGE_INVALID" },
  });
  expect(await callers.get("nobody's")).toBeNull();
});

test("the queue of a process goes when it closes its results", async () => {
  await using amqp = new Amqp(server.url);
  const results = new RpcResults(server.url);
  await results.replies.open();
  await results.close();
  await using channel = await (await amqp.session()).openChannel();
  await expect(channel.countMessages(results.replies.name)).rejects.toMatchObject({
    replyCode: 404,
  });
});

test("results are not sent where the broker is no RabbitMQ", () => {
  expect(() => createTasks({ broker: "memory:", results: "rpc://" })).toThrow(
    "expected a broker URL amqp: or amqps: with results in rpc://, got `memory:`",
  );
});
