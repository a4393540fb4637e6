import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import type { Broker, Delivery } from "../brokers/broker.ts";
import { MemoryBroker } from "../brokers/memory.ts";
import { SqliteBroker } from "../brokers/sqlite.ts";
import { encodeMessage } from "../message/encode.ts";
import { MemoryResults } from "../results/memory.ts";
import type { ResultStore } from "../results/result-store.ts";
import { SqliteResults } from "../results/sqlite.ts";
import { pendingRecord, type TaskRecord } from "../results/task-record.ts";
import { createSettle } from "./settle.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-settle-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true }));

interface Stores extends AsyncDisposable {
  readonly broker: Broker;
  readonly results: ResultStore;
  /** Lets every lease run out. */
  readonly loseLeases: () => Promise<unknown>;
}

const makeStores = {
  "in one transaction": (): Stores => {
    const file = join(folder, `${files++}.db`);
    return makeLosing((now) => [new SqliteBroker(file, { now }), new SqliteResults(file)]);
  },
  "in steps": (): Stores => makeLosing((now) => [new MemoryBroker({ now }), new MemoryResults()]),
};

function makeLosing(make: (now: () => number) => readonly [Broker, ResultStore]): Stores {
  let time = Date.now();
  const [broker, results] = make(() => time);
  return {
    broker,
    results,
    loseLeases: () => {
      time += 60_000;
      return broker.reclaim();
    },
    async [Symbol.asyncDispose]() {
      await results.close();
      await broker.close();
    },
  };
}

async function takeOne(broker: Broker): Promise<Delivery> {
  const [delivery] = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
  if (!delivery) throw new Error("expected a delivery");
  return delivery;
}

function ended({ id, runs }: Delivery): TaskRecord {
  return { ...pendingRecord(id), state: "SUCCESS", runs, result: runs, finishedAt: 1 };
}

describe.each(["in one transaction", "in steps"] as const)("settling %s", (how) => {
  test("stores the outcome and ends the delivery", async () => {
    await using stores = makeStores[how]();
    const { broker, results } = stores;
    await broker.publish("celery", encodeMessage({ id: "one", task: "t" }));
    const delivery = await takeOne(broker);
    const settle = createSettle(broker, results);
    expect(await settle(delivery, { record: ended(delivery), retry: null })).toBe(true);
    expect(await results.get("one")).toMatchObject({ state: "SUCCESS", result: 1 });
    expect(await broker.cancel("one")).toBeNull();
  });

  test("sends what comes after it, unless the lease is lost", async () => {
    await using stores = makeStores[how]();
    const { broker, results } = stores;
    await broker.publish("celery", encodeMessage({ id: "one", task: "t" }));
    const lost = await takeOne(broker);
    await stores.loseLeases();
    const held = await takeOne(broker);
    const settle = createSettle(broker, results);
    const sends = ["two", "three"].map((id) => ({
      queue: "after",
      message: encodeMessage({ id, task: "t" }),
    }));
    expect(await settle(lost, { record: ended(lost), retry: null, sends })).toBe(false);
    const after = { queues: ["after"], limit: 9, leaseMs: 1_000 };
    expect(await broker.take(after)).toEqual([]);
    expect(await settle(held, { record: ended(held), retry: null, sends })).toBe(true);
    expect((await broker.take(after)).map(({ id }) => id)).toEqual(["two", "three"]);
  });

  test.each([
    ["an outcome", null],
    ["a retry", {}],
  ])("stores nothing of %s whose lease is lost", async (_name, retry) => {
    await using stores = makeStores[how]();
    const { broker, results } = stores;
    await broker.publish("celery", encodeMessage({ id: "one", task: "t" }));
    const lost = await takeOne(broker);
    await stores.loseLeases();
    const settle = createSettle(broker, results);
    expect(await settle(lost, { record: ended(lost), retry })).toBe(false);
    expect(await results.get("one")).toBeNull();
    const held = await takeOne(broker);
    expect(await settle(lost, { record: ended(lost), retry })).toBe(false);
    expect(await results.get("one")).toBeNull();
    expect(await settle(held, { record: ended(held), retry: null })).toBe(true);
    expect(await results.get("one")).toMatchObject({ result: 2 });
  });
});

test("of two copies of a message one outcome counts, and one that is stored twice counts as one", async () => {
  await using stores = makeStores["in steps"]();
  const { broker, results } = stores;
  const settle = createSettle(broker, results);
  const settleCopy = async (by: Partial<TaskRecord>): Promise<boolean> => {
    await broker.publish("celery", encodeMessage({ id: "one", task: "t" }));
    const copy = await takeOne(broker);
    return await settle(copy, { record: { ...ended(copy), ...by }, retry: null });
  };
  const worker = { name: "w", pid: 1 };
  expect(await settleCopy({ worker })).toBe(true);
  expect(await settleCopy({ worker })).toBe(true);
  expect(await settleCopy({ worker: { ...worker, pid: 2 } })).toBe(false);
  expect(await settleCopy({ worker, finishedAt: 2 })).toBe(false);
});
