import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { AmqpBroker, createTasks, type Tasks } from "../../src/tasks/index.ts";
import { CeleryCaller, CeleryWorker } from "../celery/celery-process.ts";
import { describeCalls, whichRanFirst } from "../celery/describe-calls.ts";
import { describeControl } from "../celery/describe-control.ts";
import { eventually } from "../redis/eventually.ts";
import { RabbitServer } from "./rabbit-server.ts";

const resources = new AsyncDisposableStack();
let server: RabbitServer;
let tasks: Tasks;
let caller: CeleryCaller;
let tries = 0;

beforeAll(async () => {
  server = resources.use(await RabbitServer.start());
  const place = { broker: server.url, results: "rpc://" };
  // The first one to declare a queue decides whether it knows priorities; Celery refuses what is otherwise.
  await using broker = new AmqpBroker(server.url, { maxPriority: 9 });
  await broker.take({ queues: ["python", "extra"], limit: 1, leaseMs: 1_000 });
  caller = resources.use(CeleryCaller.start({ ...place, maxPriority: 9 }));
  resources.use(await CeleryWorker.start({ ...place, maxPriority: 9 }, { queue: "python" }));
  tasks = resources.use(createTasks(place));
});

afterAll(() => resources.disposeAsync());

describeCalls(() => ({ tasks, caller, openBroker: () => new AmqpBroker(server.url) }));

describeControl(() => ({ tasks, caller }));

describe("a call of ours on RabbitMQ", () => {
  test("comes before others of a Python worker's queue when its priority does", async () => {
    expect(await whichRanFirst(tasks, { first: 9, low: 0, high: 6 })).toBe("high");
  });
});

describe("a call of Python's on RabbitMQ", () => {
  test("is a letter when its headers are too large for it to be sent on", async () => {
    const queue = `headers-${randomUUID()}`;
    const headers = { large: "x".repeat(70_000) };
    const id = await caller.send("ts.large", [], { queue, headers });
    const refused = await caller.send("ts.missing", [], { queue, headers });
    await using broker = new AmqpBroker(server.url);
    await eventually(async () => {
      const [taken] = await broker.take({ queues: [queue], limit: 1, leaseMs: 1_000 });
      if (taken) await broker.putBack(taken);
      return taken?.id === id;
    });
    await broker.close();
    await using own = createTasks({ broker: server.url, results: "rpc://" });
    await using worker = own.createWorker({ queues: [queue] });
    await worker.start();
    await expect(caller.get(id)).rejects.toThrow("MESSAGE_INVALID");
    await expect(caller.get(refused)).rejects.toThrow("NotRegistered");
    expect(await own.deadLetters.get(id)).toMatchObject({ reason: "unreadable" });
    expect(await own.deadLetters.get(refused)).toMatchObject({ reason: "unregistered" });
  });

  test("waits in RabbitMQ until it is due, in no worker's memory", async () => {
    const queue = `late-${randomUUID()}`;
    // Who needed longer than that to look at it has more time when it tries again.
    const countdown = 8 * (++tries) ** 2;
    const sentAt = Date.now();
    const id = await caller.send("ts.late", [], { queue, countdown });
    await using first = new AmqpBroker(server.url);
    await eventually(async () => {
      expect(await first.take({ queues: [queue], limit: 1, leaseMs: 1_000 })).toEqual([]);
      const counts = [0, 1, 2, 3, 4, 5].map((level) =>
        first.contents.count(`celery_delayed_${level}`),
      );
      return (await Promise.all(counts)).some(({ waiting }) => waiting === 1);
    });
    await first.close();
    await using second = new AmqpBroker(server.url);
    let taken: readonly { readonly id: string }[] = [];
    await eventually(async () => {
      taken = await second.take({ queues: [queue], limit: 1, leaseMs: 1_000 });
      return taken.length > 0;
    });
    expect(taken).toMatchObject([{ id, runs: 1, lostLeases: 0 }]);
    expect(Date.now() - sentAt).toBeGreaterThanOrEqual(countdown * 1_000 - 10);
  }, 120_000);
});
