import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { AmqpBroker, createTasks, type Tasks } from "../../src/tasks/index.ts";
import { decodeMessage } from "../../src/tasks/message/decode.ts";
import { CeleryCaller, CeleryWorker } from "../celery/celery-process.ts";
import { eventually } from "../redis/eventually.ts";
import { RabbitServer } from "./rabbit-server.ts";

let server: RabbitServer;
let tasks: Tasks;
let celery: CeleryWorker;
let caller: CeleryCaller;

beforeAll(async () => {
  server = await RabbitServer.start();
  const place = { broker: server.url, results: "rpc://" };
  // The first one to declare a queue decides whether it knows priorities; Celery refuses what is otherwise.
  await using broker = new AmqpBroker(server.url, { maxPriority: 9 });
  await broker.take({ queues: ["python"], limit: 1, leaseMs: 1_000 });
  caller = CeleryCaller.start({ ...place, maxPriority: 9 });
  celery = await CeleryWorker.start({ ...place, maxPriority: 9 }, { queue: "python" });
  tasks = createTasks(place);
});

afterAll(async () => {
  await caller[Symbol.asyncDispose]();
  await celery[Symbol.asyncDispose]();
  await tasks.close();
  await server[Symbol.asyncDispose]();
});

describe("a call of ours on RabbitMQ", () => {
  test("shows a Python task all that it was sent with, integers of every size too", async () => {
    const expires = new Date(Date.now() + 60_000);
    const headers = { "x-tenant": "acme", numbers: [1, 128, 300, 70_000, 2 ** 40, -1, 1.5, null] };
    const sent = await tasks.sendTask("py.request", [], {
      queue: "python",
      expires,
      priority: 6,
      headers,
      shadow: "pretty.name",
      timeLimitMs: 300_000,
      softTimeLimitMs: 200_000,
      rootId: "root",
      parentId: "parent",
      groupId: "group",
      taskId: "all-options",
    });
    expect(await sent.get({ timeoutMs: 15_000 })).toMatchObject({
      id: "all-options",
      timelimit: [300, 200],
      shadow: "pretty.name",
      expires: expires.toISOString().replace("Z", "000+00:00"),
      root_id: "root",
      parent_id: "parent",
      group: "group",
      priority: 6,
      tenant: "acme",
      numbers: headers.numbers,
    });
  });

  test("reaches a Python task through an exchange that Python has bound", async () => {
    await caller.bind({ exchange: "media", kind: "topic", key: "video.*", queue: "python" });
    const exchange = "media";
    const sent = await tasks.sendTask("py.echo", [1], { exchange, routingKey: "video.encode" });
    expect(await sent.get({ timeoutMs: 15_000 })).toEqual({ args: [1], kwargs: {} });
    for (const routingKey of ["audio.encode", ""]) {
      const sending = tasks.sendTask("py.echo", [], { exchange, routingKey });
      await expect(sending).rejects.toMatchObject({ code: "TASK_UNROUTABLE" });
    }
  });

  test("comes before others of a Python worker's queue when its priority does", async () => {
    const calls = [
      ["py.slow", 0.3, 9],
      // Celery takes one message ahead.
      ["py.time", "ahead", 9],
      ["py.time", "low", 0],
      ["py.time", "high", 6],
    ] as const;
    const sent = [];
    for (const [name, argument, priority] of calls) {
      sent.push(await tasks.sendTask(name, [argument], { queue: "python", priority }));
    }
    const [, , low, high] = await Promise.all(sent.map((call) => call.get({ timeoutMs: 15_000 })));
    expect(Number(high)).toBeLessThan(Number(low));
  });
});

describe("a call of Python's on RabbitMQ", () => {
  test("shows us all that it was sent with, integers of every size too", async () => {
    const headers = { "x-tenant": "acme", numbers: [1, 128, 300, 70_000, 2 ** 40, -1, 1.5, null] };
    const id = await caller.send("ts.any", [1], {
      kwargs: { x: 1 },
      queue: "ours",
      priority: 6,
      headers,
      shadow: "pretty.name",
      time_limit: 300,
      soft_time_limit: 200,
      root_id: "root",
      parent_id: "parent",
      group_id: "group",
      ignore_result: true,
      expires_in: 60,
    });
    await using broker = new AmqpBroker(server.url);
    const [delivery] = await broker.take({ queues: ["ours"], limit: 1, leaseMs: 1_000 });
    const message = delivery && decodeMessage(delivery.message);
    expect(message).toMatchObject({
      id,
      args: [1],
      kwargs: { x: 1 },
      priority: 6,
      headers,
      shadow: "pretty.name",
      timeLimits: { hardMs: 300_000, softMs: 200_000 },
      rootId: "root",
      parentId: "parent",
      group: "group",
      ignoreResult: true,
    });
    expect(message?.expires).toBeGreaterThan(Date.now() + 50_000);
    if (delivery) await broker.acknowledge(delivery);
  });

  test("waits in RabbitMQ until it is due, in no worker's memory", async () => {
    const sentAt = Date.now();
    const id = await caller.send("ts.late", [], { queue: "late", countdown: 4 });
    await using first = new AmqpBroker(server.url);
    expect(await first.take({ queues: ["late"], limit: 1, leaseMs: 1_000 })).toEqual([]);
    await eventually(async () => {
      const counts = [0, 1, 2].map((level) => first.contents.count(`celery_delayed_${level}`));
      return (await Promise.all(counts)).some(({ waiting }) => waiting === 1);
    });
    await first.close();
    await using second = new AmqpBroker(server.url);
    let taken: readonly { readonly id: string }[] = [];
    await eventually(async () => {
      taken = await second.take({ queues: ["late"], limit: 1, leaseMs: 1_000 });
      return taken.length > 0;
    });
    expect(taken).toMatchObject([{ id, runs: 1, lostLeases: 0 }]);
    expect(Date.now() - sentAt).toBeGreaterThanOrEqual(3_990);
  });
});
