import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, test } from "vitest";

import { isTidingsError } from "../../core/errors.ts";
import { currentTask } from "../current-task.ts";
import type { TaskOptions } from "../task.ts";
import { createTasks, type Tasks } from "../tasks.ts";
import type { WorkerOptions } from "./worker-options.ts";

function makeTasks(): Tasks {
  return createTasks({ broker: "memory:", results: "memory:" });
}

/** A task that ends when its signal fires, as the test says. */
function defineWaiting(tasks: Tasks, end: (reason: unknown) => unknown, options = {}) {
  return tasks.task("tasks.waiting", options, async () => {
    const { signal } = currentTask();
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve());
    await promise;
    return end(signal.reason);
  });
}

function codeOf(reason: unknown): string {
  return isTidingsError(reason) ? reason.code : String(reason);
}

describe("a time limit", () => {
  test("ends a run as a failure that is not tried again, though its function goes on", async () => {
    await using tasks = makeTasks();
    const gate = Promise.withResolvers<string>();
    const options = { timeLimitMs: 20, maxRetries: 5 };
    const deaf = tasks.task("tasks.deaf", options, () => gate.promise);
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await deaf.delay();
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      cause: {
        type: "TASK_TIME_LIMIT",
        message: "the task took longer than its time limit of 0.02 s",
      },
    });
    gate.resolve("too late");
    await worker.stop();
    expect(await result.record()).toMatchObject({ state: "FAILURE", runs: 1, result: null });
  });

  test("is a failure, whatever a function returns that ends because of it", async () => {
    await using tasks = makeTasks();
    const obedient = defineWaiting(tasks, () => "half of it", { timeLimitMs: 20 });
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await obedient.delay();
    await expect(result.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      cause: { type: "TASK_TIME_LIMIT" },
    });
  });

  test("fires the signal before, when it is a soft one, and the function decides", async () => {
    await using tasks = makeTasks();
    const options = { softTimeLimitMs: 20, timeLimitMs: 60_000 };
    const tidy = defineWaiting(tasks, (reason) => codeOf(reason), options);
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await (await tidy.delay()).get({ timeoutMs: 20_000 })).toBe("TASK_SOFT_TIME_LIMIT");
  });

  test("is a failure of its own when the function throws the soft one on", async () => {
    await using tasks = makeTasks();
    const rethrow = (reason: unknown): never => {
      throw reason as Error;
    };
    const waiting = defineWaiting(tasks, rethrow, { softTimeLimitMs: 20 });
    await using worker = tasks.createWorker();
    await worker.start();
    await expect((await waiting.delay()).get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      cause: { type: "TASK_SOFT_TIME_LIMIT" },
    });
  });

  test("is said when a function ends with the abort that the soft one has caused", async () => {
    await using tasks = makeTasks();
    const sleepy = tasks.task("tasks.sleepy", { softTimeLimitMs: 20 }, async () => {
      await delay(60_000, undefined, { signal: currentTask().signal });
    });
    const other = tasks.task("tasks.other", { softTimeLimitMs: 20 }, async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      currentTask().signal.addEventListener("abort", () => resolve());
      await promise;
      await delay(60_000, undefined, { signal: AbortSignal.abort(new Error("of its own")) });
    });
    await using worker = tasks.createWorker();
    await worker.start();
    await expect((await sleepy.delay()).get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      cause: {
        type: "TASK_SOFT_TIME_LIMIT",
        message: "the task took longer than its soft time limit of 0.02 s",
      },
    });
    await expect((await other.delay()).get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      cause: { type: "AbortError" },
    });
  });

  test("leaves a task that was cancelled after the soft one cancelled", async () => {
    await using tasks = makeTasks();
    const warned = Promise.withResolvers<void>();
    const deaf = tasks.task("tasks.deaf", { softTimeLimitMs: 10 }, async () => {
      const { signal } = currentTask();
      signal.addEventListener("abort", () => warned.resolve());
      await warned.promise;
      await tasks.cancel(currentTask().id);
      await delay(20);
      throw new Error("cut off");
    });
    await using worker = tasks.createWorker();
    await worker.start();
    await expect((await deaf.delay()).get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "TASK_CANCELLED",
    });
  });

  test.each([
    ["the message", { message: 60_000, task: 120_000 }, 1],
    ["the task when the message has none", { message: undefined, task: 120_000 }, 2],
    ["the worker when neither has one", { message: undefined, task: undefined }, 3],
  ])("is that of %s", async (_, { message, task }, minutes) => {
    await using tasks = makeTasks();
    const options: TaskOptions = { timeLimitMs: task };
    const ask = tasks.task("tasks.ask", options, () => {
      const { deadline } = currentTask();
      return Math.round(((deadline?.getTime() ?? 0) - Date.now()) / 60_000);
    });
    await using worker = tasks.createWorker({ timeLimitMs: 180_000 });
    await worker.start();
    const sent = await ask.applyAsync([], { timeLimitMs: message });
    expect(await sent.get({ timeoutMs: 20_000 })).toBe(minutes);
  });

  test("is absent unless somebody sets one", async () => {
    await using tasks = makeTasks();
    const ask = tasks.task("tasks.ask", () => currentTask().deadline);
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await (await ask.delay()).get({ timeoutMs: 20_000 })).toBeNull();
    expect(ask()).toBeNull();
  });

  test("beyond the longest wait of a timer does not end a run", async () => {
    await using tasks = makeTasks();
    const slow = tasks.task("tasks.slow", { timeLimitMs: 2 ** 32 }, () => delay(20, "done"));
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await (await slow.delay()).get({ timeoutMs: 20_000 })).toBe("done");
  });

  test.each([
    [{ timeLimitMs: 0 }, "expected `timeLimitMs` to be a positive integer"],
    [{ softTimeLimitMs: 1.5 }, "expected `softTimeLimitMs` to be a positive integer"],
    [{ timeLimitMs: 10, softTimeLimitMs: 11 }, "`softTimeLimitMs` to be at most `timeLimitMs`"],
  ] satisfies (readonly [WorkerOptions, string])[])("is refused as %j", (options, message) => {
    expect(() => makeTasks().createWorker(options)).toThrow(message);
  });
});
