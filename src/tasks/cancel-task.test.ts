import { expect, test } from "vitest";

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
