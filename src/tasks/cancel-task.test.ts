import { expect, test } from "vitest";

import { MemoryBroker } from "./brokers/memory.ts";
import { cancelTask } from "./cancel-task.ts";
import { pendingRecord } from "./results/task-record.ts";
import { createTasks } from "./tasks.ts";

const take = { queues: ["celery"], limit: 1, leaseMs: 10_000 };

test("cancelling a task that a worker has leaves it to that worker to record how it ended", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const { broker } = tasks.runtime;
  const sent = await tasks.sendTask("t");
  const [delivery] = await broker.take(take);
  expect(await sent.cancel()).toBe(true);
  expect((await sent.record()).state).toBe("PENDING");
  expect(await broker.listCancelled()).toEqual([delivery?.id]);
});

test("a cancelled task that a chord waits for stays in the broker, marked, for a worker to tell the chord", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const { broker } = tasks.runtime;
  const link = tasks.signature("after");
  const [plain, linked] = [await tasks.sendTask("t"), await tasks.sendTask("t", [], { link })];
  await Promise.all([plain.cancel(), linked.cancel()]);
  expect(await broker.take({ ...take, limit: 2 })).toMatchObject([
    { id: linked.id, cancelled: true },
  ]);
});

/** A broker that cannot look into its queues, as Redis and RabbitMQ are. */
class BlindBroker extends MemoryBroker {
  override async cancel(id: string) {
    await super.cancel(id);
    return { queue: null, message: null, running: false };
  }
}

test("where queues cannot be looked into, an id of which nothing is known is cancelled if a worker receives it", async () => {
  await using tasks = createTasks({ broker: new BlindBroker(), results: "memory:" });
  const { runtime } = tasks;
  const record = { name: "t", runs: 1, startedAt: 1 };
  await runtime.results.store({ ...pendingRecord("runs"), ...record, state: "STARTED" });
  await runtime.results.store({ ...pendingRecord("again"), ...record, state: "RETRY" });
  await runtime.results.store({ ...pendingRecord("ended"), ...record, state: "SUCCESS" });
  expect(await cancelTask(runtime, "nobody")).toBe("unconfirmed");
  expect(await cancelTask(runtime, "runs")).toBe("cancelled");
  expect(await cancelTask(runtime, "again")).toBe("cancelled");
  expect(await cancelTask(runtime, "ended")).toBe("nothing");
  expect(await tasks.cancel("nobody else")).toBe(true);
});

test("where queues can be looked into, an id that is in none is nothing to cancel", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const { id } = await tasks.sendTask("t");
  expect(await cancelTask(tasks.runtime, id)).toBe("cancelled");
  expect(await cancelTask(tasks.runtime, "nobody")).toBe("nothing");
});
