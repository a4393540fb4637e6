import { expect, test } from "vitest";

import { currentTask } from "../current-task.ts";
import { createTasks } from "../tasks.ts";

const wait = { timeoutMs: 20_000 };

test("a task knows how it was called, and who runs it", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  tasks.task("look", { parameters: "object" }, () => {
    const { args, kwargs, headers, groupId, eta, expires, priority } = currentTask();
    const { origin, replyTo, workerName } = currentTask();
    const times = [eta?.toISOString(), expires?.toISOString()];
    return { args, kwargs, headers, groupId, times, priority, origin, replyTo, workerName };
  });
  await using worker = tasks.createWorker({ name: "one@here" });
  await worker.start();
  const [eta, expires] = [new Date("2020-01-01T00:00:00Z"), new Date("2999-01-01T00:00:00Z")];
  const sent = await tasks.sendTask("look", [1, "two"], {
    kwargs: { three: 3 },
    headers: { tenant: "acme" },
    groupId: "group",
    eta,
    expires,
    priority: 3,
    replyTo: "there",
  });
  expect(await sent.get(wait)).toEqual({
    args: [1, "two"],
    kwargs: { three: 3 },
    headers: { tenant: "acme" },
    groupId: "group",
    times: [eta.toISOString(), expires.toISOString()],
    priority: 3,
    origin: expect.stringMatching(/^gen\d+@/),
    replyTo: "there",
    workerName: "one@here",
  });
});

test("a state of its own is seen while it runs, and gone when it ends", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const end = Promise.withResolvers<void>();
  const task = tasks.task("baking", async () => {
    await currentTask().updateState("BAKING", { cake: 1 });
    await end.promise;
  });
  await using worker = tasks.createWorker();
  await worker.start();
  const sent = await task.delay();
  for await (const record of tasks.results.watch(sent.id)) {
    if (record.custom) break;
  }
  expect(await sent.state()).toBe("BAKING");
  expect(await sent.record()).toMatchObject({
    state: "STARTED",
    custom: { state: "BAKING", meta: { cake: 1 } },
  });
  end.resolve();
  await sent.get(wait);
  expect(await sent.state()).toBe("SUCCESS");
  expect(await sent.record()).toMatchObject({ custom: null });
});

test.each([
  ["SUCCESS", null, "OPTION_INVALID"],
  ["", null, "OPTION_INVALID"],
  ["x".repeat(51), null, "OPTION_INVALID"],
  ["BIG", "x".repeat(65_536), "TASK_TOO_LARGE"],
])("a state that cannot be one is refused: %#", async (state, meta, code) => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const task = tasks.task("bad", () => currentTask().updateState(state, meta));
  await using worker = tasks.createWorker();
  await worker.start();
  await expect((await task.delay()).get(wait)).rejects.toMatchObject({ cause: { type: code } });
});

test("the tasks that a task sends are its children, the first thousand", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const child = tasks.task("child", (x: number) => x);
  const parent = tasks.task("parent", async (count: number) => {
    for (let n = 0; n < count; n++) await child.delay(n);
  });
  await using worker = tasks.createWorker();
  await worker.start();
  const sent = await parent.delay(2);
  await sent.get(wait);
  const [first, second, ...others] = await sent.children();
  expect(others).toEqual([]);
  expect([await first?.get(wait), await second?.get(wait)]).toEqual([0, 1]);
  expect(await first?.record()).toMatchObject({ parentId: sent.id });
  const many = await parent.delay(1_001);
  await many.get(wait);
  expect(await many.children()).toHaveLength(1_000);
});

test("a result can be forgotten", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const task = tasks.task("task", () => 1);
  await using worker = tasks.createWorker();
  await worker.start();
  const sent = await task.delay();
  await sent.get(wait);
  await sent.forget();
  expect(await sent.state()).toBe("PENDING");
});

test("a task is the current one in a listener of its signal", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const heard: string[] = [];
  const task = tasks.task("slow", async () => {
    const { signal } = currentTask();
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => {
      heard.push(currentTask().id);
      resolve();
    });
    await promise;
  });
  await using worker = tasks.createWorker();
  await worker.start();
  const sent = await task.applyAsync([], { softTimeLimitMs: 20 });
  await sent.get(wait);
  expect(heard).toEqual([sent.id]);
});
