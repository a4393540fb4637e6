import { afterEach, expect, test, vi } from "vitest";

import type { Delivery } from "../brokers/broker.ts";
import { MemoryBroker } from "../brokers/memory.ts";
import { encodeMessage } from "../message/encode.ts";
import { Leases } from "./leases.ts";

afterEach(() => void vi.useRealTimers());

/** A broker with two leased messages, of which one is held by a worker that then sleeps for a minute. */
async function sleepThroughLeases(): Promise<{
  readonly broker: MemoryBroker;
  readonly leases: Leases;
  readonly lost: readonly Delivery[];
}> {
  vi.useFakeTimers({ toFake: ["Date"] });
  const broker = new MemoryBroker({ now: () => Date.now() });
  for (const id of ["own", "orphan"])
    await broker.publish("celery", encodeMessage({ id, task: "t" }));
  const deliveries = await broker.take({ queues: ["celery"], limit: 2, leaseMs: 1_000 });
  const lost: Delivery[] = [];
  const leases = new Leases(broker, {
    leaseMs: 1_000,
    held: () => deliveries.filter(({ id }) => id === "own"),
    onLost: (delivery) => lost.push(delivery),
  });
  vi.setSystemTime(Date.now() + 60_000);
  return { broker, leases, lost };
}

test("a worker that was suspended keeps the tasks that nobody else wanted", async () => {
  const { broker, leases, lost } = await sleepThroughLeases();
  await leases.check();
  expect(lost).toEqual([]);
  const again = await broker.take({ queues: ["celery"], limit: 2, leaseMs: 1_000 });
  expect(again).toMatchObject([{ id: "orphan", runs: 2, lostLeases: 1 }]);
});

test("a worker that was suspended learns which tasks another one has taken over", async () => {
  const { broker, leases, lost } = await sleepThroughLeases();
  await broker.reclaim();
  await leases.check();
  expect(lost.map(({ id }) => id)).toEqual(["own"]);
});
