import { afterEach, expect, test, vi } from "vitest";

import type { Delivery } from "../brokers/broker.ts";
import { MemoryBroker } from "../brokers/memory.ts";
import { encodeMessage } from "../message/encode.ts";
import { Leases } from "./leases.ts";

afterEach(() => void vi.useRealTimers());

/** A broker with two leased messages, of which one is held by a worker that is suspended for a minute. */
async function sleepThroughLeases({ isClockSet = false } = {}): Promise<{
  readonly broker: MemoryBroker;
  readonly leases: Leases;
  readonly lost: readonly Delivery[];
}> {
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
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
  if (isClockSet) vi.setSystemTime(Date.now() + 60_000);
  else vi.advanceTimersByTime(60_000);
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

test("a clock that is set forth ends no lease before those who live could renew theirs", async () => {
  const { broker, leases, lost } = await sleepThroughLeases({ isClockSet: true });
  const orphans = (): Promise<readonly Delivery[]> =>
    broker.take({ queues: ["celery"], limit: 2, leaseMs: 1_000 });
  await leases.check();
  expect(await orphans()).toEqual([]);
  vi.advanceTimersByTime(999);
  await leases.check();
  expect(await orphans()).toEqual([]);
  vi.advanceTimersByTime(1);
  await leases.check();
  expect(await orphans()).toMatchObject([{ id: "orphan" }]);
  expect(lost).toEqual([]);
});

test("leases that could not be renewed are renewed at the next check", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const broker = new MemoryBroker({ now: () => Date.now() });
  await broker.publish("celery", encodeMessage({ id: "own", task: "t" }));
  const held = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 30_000 });
  const asked: number[] = [];
  const leases = new Leases(outOfReach(broker, asked), {
    leaseMs: 30_000,
    held: () => held,
    onLost: () => {},
  });
  vi.setSystemTime(Date.now() + 10_000);
  await expect(leases.check()).rejects.toThrow("out of reach");
  vi.setSystemTime(Date.now() + 1_000);
  await expect(leases.check()).rejects.toThrow("out of reach");
  expect(asked).toHaveLength(2);
});

/** A broker that cannot be reached to renew; notes when it is asked to. */
function outOfReach(broker: MemoryBroker, asked: number[]): MemoryBroker {
  broker.renew = (): never => {
    asked.push(Date.now());
    throw new Error("out of reach");
  };
  return broker;
}
