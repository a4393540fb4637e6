import { expect, test } from "vitest";

import { Retry } from "../retry.ts";
import { createTasks, type Tasks } from "../tasks.ts";

const wait = { timeoutMs: 20_000 };

async function start(): Promise<AsyncDisposable & { readonly tasks: Tasks }> {
  const tasks = createTasks({ broker: "memory:", results: "memory:" });
  tasks.task("t.sum", (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0));
  tasks.task("t.add", async (x: number, y: number) => x + y);
  tasks.task("t.retry", () => {
    throw new Retry({ args: [1], cause: new RangeError("busy") });
  });
  const worker = tasks.createWorker();
  await worker.start();
  return {
    tasks,
    async [Symbol.asyncDispose]() {
      await worker.stop();
      await tasks.close();
    },
  };
}

/** A signature as Celery writes it. */
function signature(task: string): object {
  return { task, args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false };
}

test.each([
  ["celery.map", { task: signature("t.sum"), it: [[1], [2, 3]] }, [1, 5]],
  ["celery.map", { task: signature("t.sum"), it: [] }, []],
  [
    "celery.starmap",
    {
      task: signature("t.add"),
      it: [
        [1, 2],
        [3, 4],
      ],
    },
    [3, 7],
  ],
  ["celery.backend_cleanup", {}, null],
])("%s runs the tasks that are registered here", async (name, kwargs, expected) => {
  await using started = await start();
  const sent = await started.tasks.sendTask(name, [], { kwargs });
  expect(await sent.get(wait)).toEqual(expected);
});

test("celery.accumulate returns what it is given, or one of it", async () => {
  await using started = await start();
  const send = (kwargs: Readonly<Record<string, unknown>>) =>
    started.tasks.sendTask("celery.accumulate", ["a", "b"], { kwargs });
  expect(await (await send({})).get(wait)).toEqual(["a", "b"]);
  expect(await (await send({ index: 1 })).get(wait)).toBe("b");
});

test.each([
  ["celery.map", { task: signature("t.nobody"), it: [1] }, "TASK_NOT_REGISTERED"],
  ["celery.map", { task: "t.add", it: [1] }, "TASK_INVALID_ARGUMENTS"],
  ["celery.starmap", { task: signature("t.add"), it: [1] }, "TASK_INVALID_ARGUMENTS"],
  ["celery.map", { task: signature("t.retry"), it: [1] }, "RangeError"],
  ["celery.chunks", { task: signature("t.add"), it: [[1, 2]], n: 1 }, "TASK_NOT_REGISTERED"],
  ["celery.chord_unlock", {}, "TASK_NOT_REGISTERED"],
])("%s that cannot be carried out fails once, with the reason", async (name, kwargs, type) => {
  await using started = await start();
  const sent = await started.tasks.sendTask(name, [], { kwargs });
  await expect(sent.get(wait)).rejects.toMatchObject({ code: "TASK_FAILED" });
  expect(await sent.record()).toMatchObject({ retries: 0, error: { type } });
});

test("what is Celery's own is not among the tasks that a worker names", async () => {
  await using started = await start();
  const answers = await started.tasks.control.ask("registered");
  expect([...answers.values()]).toEqual([["t.add", "t.retry", "t.sum"]]);
});
