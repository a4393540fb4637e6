import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Amqp } from "../../src/amqp/index.ts";
import { createTasks, type Broker, type Death, type Delivery } from "../../src/tasks/index.ts";
import { brokerCases, deadLettersCases } from "../../src/testing/index.ts";
import { eventually } from "../redis/eventually.ts";
import { PatientBroker } from "./patient-broker.ts";
import { RabbitServer } from "./rabbit-server.ts";

const LETTERS = "tidings.dead-letters";

let server: RabbitServer;

beforeAll(async () => {
  server = await RabbitServer.start();
});

afterAll(() => server[Symbol.asyncDispose]());

describe("AmqpBroker", () => {
  for (const { name, run } of brokerCases.filter(({ movesClock }) => !movesClock)) {
    test(name, async () => {
      const make = async (): Promise<Broker> => {
        const broker = new PatientBroker(server.url, { maxPriority: 9 });
        for (const queue of ["celery", "mail", "other", "nobody's"])
          await broker.contents.purge(queue);
        return broker;
      };
      await expect(run(make)).resolves.toBeUndefined();
    });
  }
});

describe("AmqpDeadLetters", () => {
  for (const { name, run } of deadLettersCases.filter(({ movesClock }) => !movesClock)) {
    test(name, async () => {
      await removeQueues();
      await expect(
        run(({ deadLetters } = {}) => new PatientBroker(server.url, { deadLetters })),
      ).resolves.toBeUndefined();
    });
  }

  test("keeps letters in a quorum queue, where queues are of that type", async () => {
    await removeQueues();
    const options = { queueType: "quorum", deadLetters: { maxCount: 2 } } as const;
    await using broker = new PatientBroker(server.url, options);
    for (const id of ["a", "b", "b", "c"])
      await broker.deadLetters.bury(await one(broker, id), death());
    const { letters } = await broker.deadLetters.read({ limit: 9 });
    expect(letters.map(({ id }) => id)).toEqual(["b", "c"]);
    expect(await broker.deadLetters.remove("b")).toBe(true);
    await using other = new PatientBroker(server.url, options);
    await broker.deadLetters.close();
    expect(await other.deadLetters.count()).toBe(1);
  });

  test("keeps what is no message at all, byte for byte, and sends it again as it was", async () => {
    await removeQueues();
    await using tasks = createTasks({ broker: server.url, results: "rpc://" });
    const bodies = [Buffer.from("no JSON: é\n\u0000"), Buffer.from([0xff, 0x0a, 0x00, 0xfe])];
    await sendRaw("raw", bodies);
    await using worker = tasks.createWorker({ queues: ["raw"] });
    await worker.start();
    await eventually(async () => (await tasks.deadLetters.count()) === 2);
    await worker.stop();
    const { letters } = await tasks.deadLetters.list({ queue: "raw", reason: "unreadable" });
    expect(letters.map(({ message }) => Buffer.from(message.body))).toEqual(bodies);
    expect(letters[0]?.message.headers).toEqual({ large: 2 ** 40, deep: [null, { a: 1.5 }] });
    expect(await tasks.deadLetters.redriveAll()).toBe(2);
    expect(await tasks.deadLetters.count()).toBe(0);
    await tasks.close();
    await using broker = new PatientBroker(server.url);
    const again: Delivery[] = [];
    await eventually(async () => {
      again.push(...(await broker.take({ queues: ["raw"], limit: 2, leaseMs: 1_000 })));
      return again.length === 2;
    });
    expect(again.map(({ message }) => Buffer.from(message.body))).toEqual(bodies);
    expect(again.map(({ runs }) => runs)).toEqual([1, 1]);
  });

  test("keeps nothing for who has lost the connection", async () => {
    await removeQueues();
    await using broker = new PatientBroker(server.url);
    const lost = new PatientBroker(server.url);
    const delivery = await one(lost, "lost");
    await lost.close();
    expect(await lost.deadLetters.bury(delivery, death())).toBe(false);
    expect(await broker.deadLetters.count()).toBe(0);
  });

  test("drops what is too old by itself", async () => {
    await removeQueues();
    await using broker = new PatientBroker(server.url, { deadLetters: { maxAgeMs: 50 } });
    await broker.deadLetters.bury(await one(broker, "old"), death());
    await eventually(async () => (await broker.contents.count(LETTERS)).waiting === 0);
    expect(await broker.deadLetters.get("old")).toBe(null);
  });

  test("lets one process look at a time, and leaves alone what is no letter", async () => {
    await removeQueues();
    await using broker = new PatientBroker(server.url);
    await using other = new PatientBroker(server.url);
    for (const id of ["a", "b"]) await broker.deadLetters.bury(await one(broker, id), death());
    await sendRaw(LETTERS, [Buffer.from("{}\nno letter")]);
    expect(await broker.deadLetters.count()).toBe(2);
    // What dies while somebody looks is seen as it comes.
    await other.deadLetters.bury(await one(other, "c"), death());
    await eventually(async () => (await broker.deadLetters.count()) === 3);
    const { letters } = await other.deadLetters.read({ limit: 9 });
    expect(letters.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    await other.deadLetters.close();
    expect(await broker.contents.count(LETTERS)).toMatchObject({ waiting: 4 });
  });

  test("refuses to keep more than can be looked at", () => {
    const make = () => new PatientBroker(server.url, { deadLetters: { maxCount: 65_536 } });
    expect(make).toThrow(/at most 65535 on RabbitMQ/);
  });
});

function death(): Death {
  const error = { type: "TASK_WORKER_LOST", message: "no" };
  return { task: "t", reason: "poisoned", error, diedAt: Date.now() };
}

async function one(broker: PatientBroker, id: string): Promise<Delivery> {
  const properties = { correlationId: id, deliveryMode: 2 };
  const body = new TextEncoder().encode("[[], {}, {}]");
  const content = { body, contentType: "application/json", contentEncoding: "utf-8", properties };
  await broker.publish(id, { id, headers: { task: "t", id }, ...content });
  const [delivery] = await broker.take({ queues: [id], limit: 1, leaseMs: 10_000 });
  if (!delivery) throw new Error("one was sent");
  return delivery;
}

async function sendRaw(queue: string, bodies: readonly Buffer[]): Promise<void> {
  await using amqp = new Amqp(server.url);
  const session = await amqp.session();
  await using channel = await session.openChannel();
  if (queue !== LETTERS) await channel.declareQueue(queue, { durable: true });
  const publisher = await session.publisher();
  const headers = { large: 2 ** 40, deep: [null, { a: 1.5 }] };
  for (const body of bodies) {
    const properties = { headers, contentType: "application/json" };
    await publisher.publish({ exchange: "", routingKey: queue, body, properties });
  }
}

async function removeQueues(): Promise<void> {
  await using amqp = new Amqp(server.url);
  await using channel = await (await amqp.session()).openChannel();
  const names = ["celery", "mail", "raw", "old", "lost", "a", "b", "c"];
  for (const name of [LETTERS, ...names]) await channel.deleteQueue(name);
}
