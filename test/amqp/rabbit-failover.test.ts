import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";

import { AmqpBroker, createTasks, currentTask, RpcResults } from "../../src/tasks/index.ts";
import { freePort } from "../free-port.ts";
import { Certificate } from "../redis/certificate.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { RabbitServer } from "./rabbit-server.ts";

const resources = new AsyncDisposableStack();
let certificate: Certificate;
let first: RabbitServer;
let second: RabbitServer;
let redis: RedisServer;

beforeAll(async () => {
  certificate = resources.use(new Certificate());
  const started = [RabbitServer.start({ certificate }), RabbitServer.start()] as const;
  [first, second, redis] = await Promise.all([...started, RedisServer.start()]);
  for (const server of [first, second, redis]) resources.use(server);
});

// A try that failed may have left them dead, or hanging, and messages where they were.
beforeEach(async () => {
  for (const server of [first, second]) {
    server.signal("SIGCONT");
    await server.start();
    await using broker = new AmqpBroker(server.url);
    await broker.contents.purge("celery");
  }
}, 120_000);

afterAll(() => resources.disposeAsync());

test("speaks TLS with a server whose authority it is told to trust", async () => {
  const tls = { ca: certificate.pem };
  await using tasks = createTasks({ broker: first.tlsUrl, results: "rpc://", tls });
  const add = tasks.task("add", (x: number, y: number) => x + y);
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await (await add.delay(1, 2)).get({ timeoutMs: 30_000 })).toBe(3);
});

test("says that it does not trust a server, in an error of who sends", async () => {
  using stranger = new Certificate();
  const { host } = new URL(first.tlsUrl);
  for (const tls of [{ ca: stranger.pem }, {}]) {
    await using broker = new AmqpBroker(first.tlsUrl, { tls, sessionTimeoutMs: 100 });
    await using tasks = createTasks({ broker, results: redis.url });
    await expect(tasks.sendTask("any", [], { publishRetry: false })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining(
        `cannot connect to RabbitMQ at ${host}: self-signed certificate`,
      ),
    });
  }
});

test("worker and sender go on with the next server of a list, and the rest waits for its own", async () => {
  const urls = [`amqp://127.0.0.1:${await freePort()}`, first.url, second.url];
  const place = { broker: urls.join(";"), results: redis.url };
  await using sender = createTasks(place);
  await using tasks = createTasks(place);
  const runs = new Map<string, number>();
  tasks.task("count", async (n: number) => {
    const { id } = currentTask();
    runs.set(id, (runs.get(id) ?? 0) + 1);
    if (runs.size === 10) await first.kill();
    return n;
  });
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  const before = await Promise.all(numbers.map((n) => sender.sendTask("count", [n])));
  await using worker = tasks.createWorker({ concurrency: 3 });
  await worker.start();
  await eventually(() => runs.size >= 10);
  const after = await Promise.all(numbers.map((n) => sender.sendTask("count", [n])));
  const results = await Promise.all(after.map((sent) => sent.get({ timeoutMs: 30_000 })));
  expect(results).toEqual(numbers);

  await Promise.all([first.start(), second.kill()]);
  const rest = await Promise.all(before.map((sent) => sent.get({ timeoutMs: 30_000 })));
  expect(rest).toEqual(numbers);
  expect([...runs.values()].filter((times) => times > 1).length).toBeLessThanOrEqual(3);
  expect(await tasks.queues.count("celery")).toMatchObject({ waiting: 0 });
}, 120_000);

test("a server that hangs is noticed by its silence, and what it has handed out is accounted for", async () => {
  await using broker = new AmqpBroker(first.url, { heartbeatMs: 2_000 });
  await using tasks = createTasks({ broker, results: redis.url });
  const runs: string[] = [];
  const ends = new Map<string, () => void>();
  const gate = Promise.withResolvers<void>();
  const held = tasks.task("held", async () => {
    const { id, signal } = currentTask();
    runs.push(id);
    await new Promise<void>((resolve) => {
      ends.set(id, resolve);
      void gate.promise.then(resolve);
      signal.addEventListener("abort", () => resolve());
    });
    return id;
  });
  const sent = await Promise.all([1, 2, 3].map(() => held.delay()));
  const [ended, lost, waiting] = sent.map(({ id }) => id);
  await using worker = tasks.createWorker({ concurrency: 2, leaseMs: 1_500 });
  await worker.start();
  await eventually(() => runs.length === 2);

  onTestFinished(() => first.signal("SIGCONT"));
  first.signal("SIGSTOP");
  // Nobody has noticed yet: the outcome is stored, and RabbitMQ hears that it may forget the message.
  ends.get(ended ?? "")?.();
  await expect(held.applyAsync([], { publishRetry: false })).rejects.toMatchObject({
    code: "STORAGE_UNAVAILABLE",
  });
  first.signal("SIGCONT");
  gate.resolve();

  const results = await Promise.all(sent.map((result) => result.get({ timeoutMs: 30_000 })));
  expect(results).toEqual([ended, lost, waiting]);
  const records = await Promise.all(sent.map((result) => result.record()));
  expect(records.map((record) => record.runs)).toEqual([1, 2, 1]);
  // What was refused has come all the same.
  await eventually(() => runs.length === 5);
  expect(runs.filter((id) => id === ended || id === waiting)).toHaveLength(2);
  await eventually(async () => (await tasks.queues.count("celery")).waiting === 0);
});

test("closing does not wait for a server that hangs", async () => {
  const socketsBefore = countSockets();
  onTestFinished(() => first.signal("SIGCONT"));
  // No heartbeat tells of the silence before this test would be over.
  const options = { heartbeatMs: 60_000 };
  const broker = new AmqpBroker(first.url, options);
  const results = new RpcResults(first.url, options);
  const tasks = createTasks({ broker, results });
  const add = tasks.task("add", (x: number, y: number) => x + y);
  const worker = tasks.createWorker();
  await worker.start();
  expect(await (await add.delay(1, 2)).get({ timeoutMs: 30_000 })).toBe(3);
  first.signal("SIGSTOP");
  await worker.stop();
  await tasks.close();
  await results.close();
  await broker.close();
  // None is left that would keep the process from ending.
  await eventually(() => countSockets() <= socketsBefore);
});

function countSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}
