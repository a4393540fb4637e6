import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openRedis } from "../../src/redis/index.ts";
import { createTasks, Decimal, RedisBroker, type Tasks } from "../../src/tasks/index.ts";
import { decodeMessage } from "../../src/tasks/message/decode.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { CeleryCaller, CeleryWorker } from "./celery-process.ts";
import { describeCalls, whichRanFirst } from "./describe-calls.ts";

const resources = new AsyncDisposableStack();
let server: RedisServer;
let tasks: Tasks;
let caller: CeleryCaller;

beforeAll(async () => {
  server = resources.use(await RedisServer.start());
  caller = resources.use(CeleryCaller.start(server.url));
  resources.use(await CeleryWorker.start(server.url, { queue: "python" }));
  tasks = resources.use(createTasks({ broker: server.url, results: server.url }));
});

afterAll(() => resources.disposeAsync());

describeCalls(() => ({ tasks, caller, openBroker: () => new RedisBroker(server.url) }));

describe("a call of ours on Redis", () => {
  test("in YAML is read by a Python task", async () => {
    const text = ["yes", "012", "2026-11-20", "1:30", "<<", "é 🙂 \u0085\u2028", ""];
    const numbers = [2n ** 70n, 1e21, 1.5e-7, -0.5, Number.NaN];
    const values = [new Date(5), new Uint8Array([255, 0]), { deep: [true, null] }];
    const sent = await tasks.sendTask("py.repr", [text, numbers, values], {
      queue: "python",
      serializer: "yaml",
    });
    expect(await sent.get({ timeoutMs: 30_000 })).toBe(
      "((['yes', '012', '2026-11-20', '1:30', '<<', 'é 🙂 \\x85\\u2028', ''], " +
        "[1180591620717411303424, 1e+21, 1.5e-07, -0.5, nan], " +
        "[datetime.datetime(1970, 1, 1, 0, 0, 0, 5000, tzinfo=datetime.timezone.utc), " +
        "b'\\xff\\x00', {'deep': [True, None]}]), {})",
    );
  });

  test("is read by a Python task when it is compressed", async () => {
    const options = { queue: "python", compression: "gzip" } as const;
    const sent = await tasks.sendTask("py.echo", ["é".repeat(1_000)], options);
    expect(await sent.get({ timeoutMs: 30_000 })).toEqual({
      args: ["é".repeat(1_000)],
      kwargs: {},
    });
  });

  test("has text instead of typed values for a Celery that does not know them", async () => {
    const url = server.url;
    await using plain = createTasks({ broker: url, results: url, typedValues: false });
    const call = [new Date(5), new Decimal("1.10")];
    const sent = await plain.sendTask("py.repr", call, { queue: "python" });
    const repr = "(('1970-01-01T00:00:00.005Z', '1.10'), {})";
    expect(await sent.get({ timeoutMs: 30_000 })).toBe(repr);
    plain.task("ts.date", () => call);
    await using worker = plain.createWorker({ queues: ["plain"] });
    await worker.start();
    const id = await caller.send("ts.date", [], { queue: "plain" });
    expect(await caller.get(id)).toEqual(["1970-01-01T00:00:00.005Z", "1.10"]);
  });

  test("comes before others of a Python worker's queue when its priority does", async () => {
    expect(await whichRanFirst(tasks, { first: 0, low: 9, high: 3 })).toBe("high");
  });
});

describe("a call of Python's on Redis", () => {
  test("brings arguments by name to the parameters of a task", async () => {
    const parameters = ["x", "y"];
    tasks.task("ts.subtract", { parameters }, (x: number, y: number) => x - y);
    await using worker = tasks.createWorker({ queues: ["named"] });
    await worker.start();
    const id = await caller.send("ts.subtract", [], { kwargs: { y: 1, x: 3 }, queue: "named" });
    expect(await caller.get(id)).toBe(2);
  });

  test("leaves no record when its result is ignored", async () => {
    tasks.task("ts.quiet", () => "done");
    tasks.task("ts.last", () => "last");
    await using worker = tasks.createWorker({ queues: ["quiet"], concurrency: 1 });
    await worker.start();
    const queue = "quiet";
    const ignored = await caller.send("ts.quiet", [], { queue, ignore_result: true });
    expect(await caller.get(await caller.send("ts.last", [], { queue }))).toBe("last");
    expect(await caller.state(ignored)).toBe("PENDING");
  });

  test("in YAML is read by us", async () => {
    const values = ["yes", "é 🙂\nnext", 2 ** 40, 1.5, null, { deep: [true, []] }];
    const queue = `yaml-${randomUUID()}`;
    const id = await caller.send("ts.any", values, { queue, serializer: "yaml" });
    await using broker = new RedisBroker(server.url);
    const [delivery] = await broker.take({ queues: [queue], limit: 1, leaseMs: 1_000 });
    const message = delivery && decodeMessage(delivery.message, { accept: ["yaml"] });
    expect(message).toMatchObject({ id, args: values });
  });

  test("is taken by us in the order of its priority", async () => {
    const queue = `ordered-${randomUUID()}`;
    for (const priority of [9, 3, 0, 6]) {
      await caller.send("ts.any", [priority], { queue, priority });
    }
    await using broker = new RedisBroker(server.url);
    const deliveries = await broker.take({ queues: [queue], limit: 9, leaseMs: 1_000 });
    expect(deliveries.map(({ message }) => message.properties.priority)).toEqual([0, 3, 6, 9]);
  });
});

// Last: it cuts every connection.
test("a call is sent again when its connection breaks in the middle", async () => {
  await using redis = openRedis(server.url);
  await using own = createTasks({ broker: server.url, results: "memory:" });
  const queue = `broken-${randomUUID()}`;
  await own.sendTask("any", [], { queue });
  await redis.command(["CLIENT", "PAUSE", "60000", "WRITE"]);
  const sending = own.sendTask("any", [], { queue });
  await eventually(async () =>
    String(await redis.command(["CLIENT", "LIST"])).includes("cmd=lpush"),
  );
  await redis.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
  await redis.command(["CLIENT", "UNPAUSE"]);
  const { id } = await sending;
  await using broker = new RedisBroker(server.url);
  const deliveries = await broker.take({ queues: [queue], limit: 9, leaseMs: 1_000 });
  expect(deliveries).toHaveLength(2);
  expect(deliveries[1]).toMatchObject({ id, message: { headers: { redelivered: true } } });
});
