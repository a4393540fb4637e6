import { connect } from "amqplib";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";

import { Amqp } from "../../src/amqp/index.ts";
import {
  AmqpBroker,
  createTasks,
  currentTask,
  type Delivery,
  type EncodedMessage,
} from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { Proxy } from "../torture/proxy.ts";
import { PatientBroker } from "./patient-broker.ts";
import { RabbitServer } from "./rabbit-server.ts";

/** How the queues of messages begin that run for long. */
const RUNNING = "tidings.running.";

let server: RabbitServer;
let redis: RedisServer;
let tries = 0;

beforeAll(async () => {
  server = await RabbitServer.start();
  redis = await RedisServer.start();
});

// A try that failed may have left it dead, and messages where they were.
beforeEach(async () => {
  tries++;
  await server.start();
}, 120_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

/** A name that is this try's own. */
const own = (name: string): string => `${name}-${tries}`;

function message(id: string, priority = 0): EncodedMessage {
  return {
    id,
    headers: { task: "t", id },
    body: new TextEncoder().encode("[[], {}, {}]"),
    contentType: "application/json",
    contentEncoding: "utf-8",
    properties: { correlationId: id, deliveryMode: 2, priority },
  };
}

async function takeOne(broker: AmqpBroker, queue: string): Promise<Delivery> {
  let taken: Delivery | undefined;
  await eventually(async () => {
    [taken] = await broker.take({ queues: [queue], limit: 1, leaseMs: 10_000 });
    return taken;
  });
  if (!taken) throw new Error("nothing came");
  return taken;
}

test("what its worker gives up comes again when it is told to, and counts as lost", async () => {
  const queue = own("given-up");
  await using broker = new AmqpBroker(server.url);
  await broker.publish(queue, message("given-up"));
  const delivery = await takeOne(broker, queue);
  const lostAt = Date.now();
  await broker.loseLease(delivery, 300);
  expect(await takeOne(broker, queue)).toMatchObject({ runs: 2, lostLeases: 1 });
  expect(Date.now() - lostAt).toBeGreaterThanOrEqual(300);
});

test("what has come from a queue that is no longer asked for goes back to it", async () => {
  await using broker = new AmqpBroker(server.url);
  await using other = new AmqpBroker(server.url);
  const queues = [own("asked-a"), own("asked-b")];
  for (const queue of queues) await broker.publish(queue, message(queue));
  let first: Delivery | undefined;
  await eventually(
    async () => ([first] = await broker.take({ queues, limit: 1, leaseMs: 10_000 }))[0],
  );
  const kept = first?.queue ?? "";
  const left = queues.filter((queue) => queue !== kept);
  let delivery: Delivery | undefined;
  await eventually(async () => {
    await broker.take({ queues: [kept], limit: 1, leaseMs: 10_000 });
    [delivery] = await other.take({ queues: left, limit: 1, leaseMs: 10_000 });
    return delivery;
  });
  expect(delivery).toMatchObject({ id: left[0], runs: 1, lostLeases: 0 });
});

test("the first delayed message ever comes in its time, too, although its queues are made first", async () => {
  const queue = own("first");
  await using broker = new AmqpBroker(server.url);
  await broker.publish(queue, message("at once"));
  expect((await takeOne(broker, queue)).id).toBe("at once");
  const startedAt = Date.now();
  const dueAt = startedAt + 4_050;
  await broker.publish(queue, message("first"), dueAt);
  // Making the queues takes a second or more, which is part of the wait. For the next they are there.
  const publishMs = Date.now() - startedAt;
  await broker.publish(queue, message("next"), dueAt + Math.max(publishMs / 2, 200));
  expect((await takeOne(broker, queue)).id).toBe("first");
  expect(Date.now()).toBeGreaterThanOrEqual(dueAt);
});

test("what is not due waits in RabbitMQ, comes when it is, and is still the first try", async () => {
  const queue = own("later");
  await using broker = new AmqpBroker(server.url);
  const startedAt = Date.now();
  await broker.publish(queue, message("later"), startedAt + 4_000);
  expect(await broker.contents.count(queue)).toMatchObject({ waiting: 0 });
  const early = await takeOne(broker, queue);
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(4_000);
  expect(early.runs).toBe(1);
  expect(await broker.putBack(early, { dueAt: Date.now() + 1_200 })).toBe(true);
  expect((await takeOne(broker, queue)).runs).toBe(1);
});

test("a delayed message comes to the queue of its name only, not to one whose name ends like it", async () => {
  const queue = own("mail");
  await using broker = new AmqpBroker(server.url);
  await broker.publish(queue, message("warm-up"), Date.now() + 1_100);
  await broker.publish(`express.${queue}`, message("express"), Date.now() + 1_100);
  expect((await takeOne(broker, `express.${queue}`)).id).toBe("express");
  expect((await takeOne(broker, queue)).id).toBe("warm-up");
  expect(await broker.contents.count(queue)).toMatchObject({ waiting: 0 });
});

test("an eta that comes with a message from elsewhere is waited for in RabbitMQ", async () => {
  const queue = own("etas");
  await using broker = new AmqpBroker(server.url);
  const dueAt = Date.now() + 2_500;
  const sent = message("eta");
  const eta = new Date(dueAt).toISOString();
  await broker.publish(queue, { ...sent, headers: { task: "t", id: "eta", eta } });
  const delivery = await takeOne(broker, queue);
  expect(Date.now()).toBeGreaterThanOrEqual(dueAt);
  expect(delivery).toMatchObject({ id: "eta", runs: 1, lostLeases: 0 });
});

test("of a queue with priorities the highest come first", async () => {
  const queue = own("ranked");
  await using broker = new PatientBroker(server.url, { maxPriority: 9 });
  for (const priority of [0, 5, 9]) {
    await broker.publish(queue, message(`priority ${priority}`, priority));
  }
  const first = await broker.take({ queues: [queue], limit: 3, leaseMs: 10_000 });
  expect(first.map(({ id }) => id)).toEqual(["priority 9", "priority 5", "priority 0"]);
});

test("who lost the connection has lost its leases, and the next taker knows that it may have run", async () => {
  const queue = own("lost");
  const lost = new AmqpBroker(server.url);
  await using broker = new AmqpBroker(server.url);
  await broker.publish(queue, message("one"));
  const delivery = await takeOne(lost, queue);
  await lost.close();
  const again = await takeOne(broker, queue);
  expect([again.id, again.runs, again.lostLeases]).toEqual(["one", 2, 1]);
  expect(await lost.renew([delivery])).toEqual([delivery]);
  expect(await lost.acknowledge(delivery)).toBe(false);
  expect(await lost.putBack(delivery)).toBe(false);
  expect(await broker.acknowledge(again)).toBe(true);
});

test("who lost a channel has lost its leases, although the connection holds", async () => {
  const [queue, sole] = [own("ended"), own("sole")];
  await using stack = new AsyncDisposableStack();
  const stranger = stack.adopt(await connect(server.url), (connection) => connection.close());
  const channel = await stranger.createChannel();
  await channel.assertQueue(sole);
  await channel.consume(sole, () => undefined, { exclusive: true });
  await using broker = new AmqpBroker(server.url);
  await broker.publish(queue, message("one"));
  const delivery = await takeOne(broker, queue);
  const request = { queues: [queue, sole], limit: 1, leaseMs: 10_000 };
  await expect(broker.take(request)).rejects.toThrow("exclusive");
  const again = await takeOne(broker, queue);
  expect(again).toMatchObject({ id: "one", runs: 2 });
  expect(await broker.renew([delivery, again])).toEqual([delivery]);
  expect(await broker.acknowledge(delivery)).toBe(false);
  expect(await broker.acknowledge(again)).toBe(true);
});

test("a queue that is removed while somebody takes from it is made again", async () => {
  const queue = own("removed");
  await using broker = new AmqpBroker(server.url);
  await using amqp = new Amqp(server.url);
  await broker.take({ queues: [queue], limit: 1, leaseMs: 10_000 });
  const cancelled = new Promise<void>((resolve) => broker.onChange(resolve));
  await using channel = await (await amqp.session()).openChannel();
  await channel.deleteQueue(queue);
  await cancelled;
  expect(await broker.take({ queues: [queue], limit: 1, leaseMs: 10_000 })).toEqual([]);
  expect(await channel.countMessages(queue)).toBe(0);
});

test("a worker that dies with what came again leaves one message, not two", async () => {
  const queue = own("again");
  await using proxy = await Proxy.start(server.port);
  await using lost = new AmqpBroker(server.url);
  await lost.publish(queue, message("one"));
  await takeOne(lost, queue);
  await lost.close();
  await using dying = new AmqpBroker(`amqp://127.0.0.1:${proxy.port}`);
  const request = { queues: [queue], limit: 2, leaseMs: 10_000 };
  await eventually(async () => {
    const taken = await dying.take(request);
    if (taken.length > 0) proxy.cut();
    return taken.length > 0;
  });
  await using broker = new AmqpBroker(server.url);
  expect(await takeOne(broker, queue)).toMatchObject({ runs: 3, lostLeases: 2 });
  expect(await broker.take(request)).toEqual([]);
});

test("what nobody takes goes back, for a worker that is free", async () => {
  const queue = own("hoard");
  await using hoarder = new AmqpBroker(server.url);
  await using broker = new AmqpBroker(server.url);
  await hoarder.take({ queues: [queue], limit: 5, leaseMs: 10_000 });
  await broker.publish(queue, message("one"));
  expect(await takeOne(broker, queue)).toMatchObject({ id: "one", runs: 1, lostLeases: 0 });
});

test("what a broker that is closed has not handed out goes back, and nobody has lost it", async () => {
  const queue = own("stop");
  const stopping = new AmqpBroker(server.url);
  await stopping.take({ queues: [queue], limit: 5, leaseMs: 10_000 });
  await using broker = new AmqpBroker(server.url);
  await broker.publish(queue, message("one"));
  await eventually(async () => (await stopping.contents.count(queue)).waiting === 1);
  await stopping.close();
  expect(await takeOne(broker, queue)).toMatchObject({ id: "one", runs: 1, lostLeases: 0 });
});

test("who asks for the first time with several calls at once has one connection's consumers", async () => {
  const queue = own("at-once");
  await using broker = new PatientBroker(server.url);
  const request = { queues: [queue], limit: 5, leaseMs: 10_000 };
  await Promise.all([broker.take(request), broker.take(request), broker.contents.count(queue)]);
  for (const id of ["one", "two", "three"]) await broker.publish(queue, message(id));
  expect(await broker.take(request)).toHaveLength(3);
  await using stack = new AsyncDisposableStack();
  const stranger = stack.adopt(await connect(server.url), (connection) => connection.close());
  const channel = await stranger.createChannel();
  expect((await channel.checkQueue(queue)).consumerCount).toBe(1);
});

test("a quorum queue serves as well", async () => {
  const queue = own("replicated");
  await using broker = new AmqpBroker(server.url, { queueType: "quorum" });
  await broker.publish(queue, message("one"));
  await broker.publish(queue, message("two"));
  const one = await takeOne(broker, queue);
  expect(await broker.putBack(one)).toBe(true);
  const two = await takeOne(broker, queue);
  expect(two.id).toBe("two");
  expect(await broker.acknowledge(two)).toBe(true);
  expect(await takeOne(broker, queue)).toMatchObject({ id: "one", runs: 2 });
});

test("an exchange that finds no queue, or is not there, is an error", async () => {
  const queue = own("after");
  await using broker = new AmqpBroker(server.url);
  const address = { exchange: "amq.topic", routingKey: "nobody.hears" };
  await expect(broker.exchanges.publish(address, message("one"))).rejects.toMatchObject({
    code: "TASK_UNROUTABLE",
  });
  await expect(
    broker.exchanges.publish({ ...address, exchange: "missing" }, message("one")),
  ).rejects.toMatchObject({ code: "TASK_UNROUTABLE" });
  await broker.publish(queue, message("after"));
  expect((await takeOne(broker, queue)).id).toBe("after");
});

test("headers arrive as they were sent, large integers too, and no other amqplib is touched", async () => {
  const queue = own("headers");
  const { default: theirs } = await import("amqplib");
  await using amqp = new Amqp(server.url);
  const session = await amqp.session();
  await using channel = await session.openChannel();
  const connection = await theirs.connect(server.url);
  const plain = await connection.createConfirmChannel();
  await plain.assertQueue(queue);
  plain.sendToQueue(queue, Buffer.from("{}"), {
    headers: { small: 5, text: "é", nothing: null },
  });
  await plain.waitForConfirms();
  const headers = { small: 5, large: 2 ** 40, deep: [null, { a: 1.5, b: [true] }], minus: -300 };
  const publisher = await session.publisher();
  await publisher.publish({
    exchange: "",
    routingKey: queue,
    body: Buffer.from("{}"),
    properties: { headers },
    mandatory: true,
  });
  const heard: unknown[] = [];
  await channel.consume(queue, ({ properties }) => heard.push(properties.headers));
  await eventually(() => heard.length === 2);
  expect(heard).toEqual([{ small: 5, text: "é", nothing: null }, headers]);
  await connection.close();
});

test("what has no room in its headers for what we note goes on without them", async () => {
  await using broker = new AmqpBroker(server.url);
  const large = "x".repeat(65_480);
  await broker.publish("large-headers", { ...message("one"), headers: { id: "one", large } });
  const delivery = await takeOne(broker, "large-headers");
  await broker.loseLease(delivery, 0);
  const again = await takeOne(broker, "large-headers");
  expect(again).toMatchObject({ id: "one", runs: 2, message: { headers: { id: "one" } } });
  await expect(
    broker.publish("large-headers", { ...message("two"), headers: { large: large + large } }),
  ).rejects.toMatchObject({ code: "TASK_TOO_LARGE" });
});

test("a virtual host that is not there is named", async () => {
  await using broker = new AmqpBroker(`${server.url}/nowhere`, { sessionTimeoutMs: 100 });
  await expect(broker.publish("any", message("one"))).rejects.toMatchObject({
    code: "STORAGE_UNAVAILABLE",
    message: expect.stringContaining('virtual host "nowhere" is not there'),
  });
});

test("whoever sends hears of it when RabbitMQ is short of memory, and what runs goes on", async () => {
  await using broker = new AmqpBroker(server.url, { sessionTimeoutMs: 300 });
  await broker.publish("short", message("one"));
  const delivery = await takeOne(broker, "short");
  await server.setShortOfMemory(true);
  const refusal = { code: "STORAGE_UNAVAILABLE", message: expect.stringContaining("memory") };
  // The first one is on its way when RabbitMQ says so, the others are not sent.
  await expect(broker.publish("short", message("two"))).rejects.toMatchObject(refusal);
  await expect(broker.publish("short", message("three"))).rejects.toMatchObject(refusal);
  await expect(broker.contents.count("short")).rejects.toMatchObject(refusal);
  expect(await broker.acknowledge(delivery)).toBe(true);
  await server.setShortOfMemory(false);
  expect((await takeOne(broker, "short")).id).toBe("two");
  await eventually(async () => await broker.publish("short", message("four")));
  expect((await takeOne(broker, "short")).id).toBe("four");
});

test("a task may run for longer than RabbitMQ waits for word of it, and comes again when its worker dies", async () => {
  const [queue, died, unheld] = [own("long"), own("died"), own("impatient")];
  onTestFinished(() => server.setConsumerTimeout(1_800_000));
  await server.setConsumerTimeout(3_000);
  await using patient = new AmqpBroker(server.url, { holdMs: 300 });
  await using tasks = createTasks({ broker: patient, results: redis.url });
  const gate = Promise.withResolvers<string>();
  const long = tasks.task("long", { queue }, () => gate.promise);
  await using worker = tasks.createWorker({ leaseMs: 600, concurrency: 1 });
  await worker.start();
  const sent = await long.delay();
  const proxy = await Proxy.start(server.port);
  await using mortal = new AmqpBroker(`amqp://127.0.0.1:${proxy.port}`, { holdMs: 300 });
  await mortal.publish(died, message("lost"));
  const held = await takeOne(mortal, died);
  // What nobody renews tells when RabbitMQ has lost patience.
  await using impatient = new AmqpBroker(server.url);
  await impatient.publish(unheld, message("impatient"));
  const unrenewed = await takeOne(impatient, unheld);
  await eventually(async () => {
    expect(await mortal.renew([held])).toEqual([]);
    return (await impatient.renew([unrenewed])).length === 1;
  });
  await proxy[Symbol.asyncDispose]();
  await server.setConsumerTimeout(1_800_000);
  await using other = new AmqpBroker(server.url);
  expect(await takeOne(other, died)).toMatchObject({ id: "lost", runs: 2, lostLeases: 1 });
  gate.resolve("ended");
  expect(await sent.get({ timeoutMs: 30_000 })).toBe("ended");
  expect(await sent.record()).toMatchObject({ runs: 1 });
  expect(await other.contents.count(queue)).toMatchObject({ waiting: 0 });
});

test("what runs for long is in one queue of its worker's, which is replicated as the others are", async () => {
  const queue = own("together");
  const queueType = "quorum";
  await using proxy = await Proxy.start(server.port);
  const url = `amqp://127.0.0.1:${proxy.port}`;
  const before = new Set((await server.listQueues(RUNNING)).map(({ name }) => name));
  await using mortal = new AmqpBroker(url, { holdMs: 1, queueType });
  // Two may be of one task, as after the death of who put it back.
  for (const id of ["one", "two", "two"]) await mortal.publish(queue, message(id));
  let held: readonly Delivery[] = [];
  await eventually(async () => {
    held = [...held, ...(await mortal.take({ queues: [queue], limit: 3, leaseMs: 10_000 }))];
    return held.length === 3;
  });
  await eventually(async () => {
    held = held.toReversed();
    expect(await mortal.renew(held)).toEqual([]);
    const made = (await server.listQueues(RUNNING)).filter(({ name }) => !before.has(name));
    expect(made.length).toBeLessThanOrEqual(1);
    return made[0]?.type === queueType && made[0].unacknowledged === 3;
  });
  await proxy[Symbol.asyncDispose]();
  await using other = new AmqpBroker(server.url, { queueType });
  const again: Delivery[] = [];
  await eventually(async () => {
    again.push(...(await other.take({ queues: [queue], limit: 3, leaseMs: 10_000 })));
    return again.length === 3;
  });
  expect(again.map(({ id }) => id).toSorted()).toEqual(["one", "two", "two"]);
  for (const { runs, lostLeases } of again) expect([runs, lostLeases]).toEqual([2, 1]);
});

test("what was cancelled while a worker was cut off for long, it knows when it is back", async () => {
  const queue = own("cut-off");
  await using proxy = await Proxy.start(server.port);
  const url = `amqp://127.0.0.1:${proxy.port}`;
  await using broker = new AmqpBroker(url, { connectTimeoutMs: 200, sessionTimeoutMs: 100 });
  await broker.take({ queues: [queue], limit: 1, leaseMs: 10_000 });
  proxy.freeze();
  proxy.cut();
  await eventually(() => broker.trouble);
  await using caller = new AmqpBroker(server.url);
  await caller.cancel(queue);
  proxy.thaw();
  await expect.poll(() => broker.revoked.has(queue), { timeout: 30_000 }).toBe(true);
});

test("more may be sent at the same time than a connection has channels", async () => {
  const queue = own("many");
  await using broker = new AmqpBroker(server.url);
  const count = 2_200;
  const sending = Array.from({ length: count }, (_, n) => broker.publish(queue, message(`${n}`)));
  expect(await Promise.all(sending)).toHaveLength(count);
  expect(await broker.contents.count(queue)).toMatchObject({ waiting: count });
});

test("all who publish over a connection share a channel", async () => {
  await using amqp = new Amqp(server.url);
  const session = await amqp.session();
  const publishers = await Promise.all(Array.from({ length: 20 }, () => session.publisher()));
  expect(new Set(publishers).size).toBe(1);
});

test("a task that was cancelled before a worker started is revoked", async () => {
  const queue = own("cancelled");
  await using tasks = createTasks({ broker: server.url, results: redis.url });
  const never = tasks.task("never", { queue }, () => "ran");
  const sent = await never.delay();
  expect(await sent.cancel()).toBe(true);
  await using others = createTasks({ broker: server.url, results: redis.url });
  let runs = 0;
  others.task("never", { queue }, () => runs++);
  const last = await never.delay();
  await using worker = others.createWorker();
  await worker.start();
  expect(await last.get({ timeoutMs: 30_000 })).toBe(0);
  expect(runs).toBe(1);
  await expect(sent.get()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
});

test("a task that was cancelled while there was no worker never runs, though no record tells of it", async () => {
  await using caller = createTasks({ broker: server.url, results: "rpc://" });
  const sent = await caller.sendTask("never", [], { queue: "unattended" });
  expect(await sent.cancel()).toBe(true);
  await using tasks = createTasks({ broker: server.url, results: "rpc://" });
  const ran: string[] = [];
  const never = tasks.task("never", { queue: "unattended" }, () => ran.push(currentTask().id));
  const last = await never.delay();
  await using worker = tasks.createWorker();
  await worker.start();
  expect(await last.get({ timeoutMs: 30_000 })).toBe(1);
  expect(ran).toEqual([last.id]);
});

test("a RabbitMQ that was upgraded, and may have no streams yet, serves as well", async () => {
  await using upgraded = await RabbitServer.start({ featureFlags: "quorum_queue" });
  await using broker = new AmqpBroker(upgraded.url);
  await broker.publish("upgraded", message("one"));
  const held = await takeOne(broker, "upgraded");
  await broker.cancel("two");
  expect(broker.revoked.has("two")).toBe(true);
  expect(await broker.renew([held])).toEqual([]);
  expect(await broker.acknowledge(held)).toBe(true);
});

test("tasks go on when RabbitMQ was killed and comes back, and none that it had is lost", async () => {
  await using tasks = createTasks({ broker: server.url, results: redis.url });
  const echo = tasks.task(
    "echo",
    { queue: own("restarted"), publishRetry: false },
    (text: string) => text,
  );
  const before = await echo.delay("before");
  const later = await echo.applyAsync(["later"], { countdownMs: 3_000 });
  await server.kill();
  await using worker = tasks.createWorker();
  await worker.start();
  await expect(echo.delay("nobody")).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  await server.start();
  expect(await before.get({ timeoutMs: 30_000 })).toBe("before");
  expect(await later.get({ timeoutMs: 30_000 })).toBe("later");
  expect(await (await echo.delay("after")).get({ timeoutMs: 30_000 })).toBe("after");
}, 120_000);
