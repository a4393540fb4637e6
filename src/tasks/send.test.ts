import { describe, expect, test } from "vitest";

import type { Logger } from "../core/logger.ts";
import { MemoryBroker } from "./brokers/memory.ts";
import { currentTask } from "./current-task.ts";
import { decodeMessage } from "./message/decode.ts";
import type { TaskMessage } from "./message/message.ts";
import { MemoryResults } from "./results/memory.ts";
import type { SendOptions, TaskOptions } from "./task.ts";
import { createTasks, type TasksOptions } from "./tasks.ts";

/** Sends one call, and returns what came to the queue. */
async function send(
  call: SendOptions,
  task: TaskOptions = {},
  options: Partial<TasksOptions> = {},
): Promise<TaskMessage & { readonly queue: string; readonly contentType: string }> {
  const broker = new MemoryBroker({ now: () => Infinity });
  await using tasks = createTasks({ broker, results: "memory:", ...options });
  const noop = tasks.task("tasks.noop", task, (_one?: number) => null);
  await noop.applyAsync([1], call);
  const queues = ["celery", "mail", "slow"];
  const [delivery] = await broker.take({ queues, limit: 1, leaseMs: 1_000 });
  if (!delivery) throw new Error("nothing was sent");
  const { contentType } = delivery.message;
  return { ...decodeMessage(delivery.message), queue: delivery.queue, contentType };
}

describe("a call", () => {
  test("carries every option", async () => {
    const expires = new Date(Date.now() + 60_000);
    const sent = await send({
      countdownMs: 1_000,
      expires,
      queue: "mail",
      priority: 3,
      headers: { "x-tenant": "acme", nested: { list: [1] } },
      taskId: "id-1",
      timeLimitMs: 30_000,
      softTimeLimitMs: 20_000,
      shadow: "pretty.name",
      ignoreResult: true,
      serializer: "msgpack",
      compression: "zlib",
      replyTo: "replies",
      rootId: "root",
      parentId: "parent",
      groupId: "group",
      groupIndex: 2,
    });
    expect(sent).toMatchObject({
      args: [1],
      expires: expires.getTime(),
      queue: "mail",
      priority: 3,
      headers: { "x-tenant": "acme", nested: { list: [1] } },
      id: "id-1",
      timeLimits: { hardMs: 30_000, softMs: 20_000 },
      shadow: "pretty.name",
      ignoreResult: true,
      contentType: "application/x-msgpack",
      replyTo: "replies",
      rootId: "root",
      parentId: "parent",
      group: "group",
      groupIndex: 2,
    });
    expect(sent.eta).toBeGreaterThan(Date.now());
  });

  test("takes from its task what it does not say itself", async () => {
    const task: TaskOptions = {
      queue: "mail",
      priority: 6,
      timeLimitMs: 9_000,
      expiresInMs: 5_000,
    };
    const now = Date.now();
    const sent = await send({ priority: 3, queue: undefined }, task);
    expect(sent).toMatchObject({ queue: "mail", priority: 3, timeLimits: { hardMs: 9_000 } });
    expect(sent.expires).toBeGreaterThanOrEqual(now + 5_000);
    const expires = new Date(now + 1_000);
    expect(await send({ queue: "slow", expires }, task)).toMatchObject({
      queue: "slow",
      priority: 6,
      expires: now + 1_000,
    });
  });

  test("has the priority that its word means to the broker, or the default", async () => {
    expect(await send({ priority: "high" })).toMatchObject({ priority: 0 });
    expect(await send({ priority: "low" })).toMatchObject({ priority: 9 });
    expect(await send({})).toMatchObject({ priority: 0 });
    expect(await send({}, {}, { defaultPriority: "normal" })).toMatchObject({ priority: 5 });
    expect(await send({}, { priority: 2 }, { defaultPriority: "low" })).toMatchObject({
      priority: 2,
    });
  });

  test.each<readonly [name: string, options: SendOptions, message: string]>([
    ["a priority beyond 255", { priority: 256 }, "`priority`"],
    ["a priority that is no word", JSON.parse('{"priority":"urgent"}'), "`priority`"],
    ["headers that are a list", JSON.parse('{"headers":[]}'), "`headers`"],
    ["headers of the protocol's names", { headers: { retries: 1 } }, "`headers`"],
    ["headers that JSON cannot carry", { headers: { x: 1n } }, "`headers`"],
    ["headers that are too large", { headers: { x: "x".repeat(65_536) } }, "`headers`"],
    ["a queue and an exchange", { queue: "a", exchange: "b" }, "`exchange`"],
    ["an exchange where there are only queues", { exchange: "a" }, "`exchange`"],
    ["a routing key without an exchange", { routingKey: "a" }, "`routingKey`"],
    ["no time limit", { timeLimitMs: 0 }, "`timeLimitMs`"],
    [
      "a soft limit beyond the hard one",
      { timeLimitMs: 1, softTimeLimitMs: 2 },
      "`softTimeLimitMs`",
    ],
    ["two expiries", { expires: new Date(), expiresInMs: 1 }, "`expiresInMs`"],
    ["a time that has passed, in milliseconds", { expiresInMs: -1 }, "`expiresInMs`"],
    ["a countdown beyond the year 9999", { countdownMs: 1e18 }, "`countdownMs`"],
    ["an expiry beyond the year 9999", { expiresInMs: 1e18 }, "`expiresInMs`"],
    ["a date beyond the year 9999", { eta: new Date(8.64e15) }, "`eta`"],
    ["a date that is none", JSON.parse('{"eta":"tomorrow"}'), "`eta`"],
    ["an empty shadow", { shadow: "" }, "`shadow`"],
    ["a place in a group that is none", { groupIndex: -1 }, "`groupIndex`"],
    ["an unknown serializer", JSON.parse('{"serializer":"pickle"}'), "`serializer`"],
    ["an unknown compression", JSON.parse('{"compression":"rar"}'), "`compression`"],
    ["a flag that is none", JSON.parse('{"ignoreResult":"no"}'), "`ignoreResult`"],
  ])("refuses %s", async (_name, options, message) => {
    const error = await send(options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "OPTION_INVALID" });
    expect(String(error)).toContain(message);
  });
});

test.each([
  ["arguments that are no list", '["text"]', "expected its arguments to be a list"],
  ["arguments by name that are a list", '[[], {"kwargs": [1]}]', "by name to be an object"],
])("a call is refused with %s", async (_name, rest, message) => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const [args, options] = JSON.parse(rest);
  const error = await tasks.sendTask("any", args, options).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "TASK_INVALID_ARGUMENTS" });
  expect(String(error)).toContain(message);
});

test.each([
  [true, 6],
  [false, 0],
])("a call that a task sends has its priority: %s", async (inheritPriority, priority) => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:", inheritPriority });
  const child = tasks.task("child", () => currentTask().priority);
  const parent = tasks.task("parent", async () => (await child.delay()).id);
  await using worker = tasks.createWorker();
  await worker.start();
  const id = await (await parent.applyAsync([], { priority: 6 })).get({ timeoutMs: 20_000 });
  expect(await tasks.result(id).get({ timeoutMs: 20_000 })).toBe(priority);
});

test("a call with an id of its own has no header that it was not sent with", async () => {
  expect((await send({ taskId: "own" })).headers).toEqual({});
});

describe("a call whose result is ignored", () => {
  /** Runs one call of a task beside one that is recorded, and returns the record. */
  async function runIgnored(options: TaskOptions, run: () => unknown): Promise<unknown> {
    const results = new MemoryResults();
    await using tasks = createTasks({ broker: "memory:", results });
    const task = tasks.task("tasks.quiet", options, run);
    const last = tasks.task("tasks.last", () => "last");
    await using worker = tasks.createWorker({ concurrency: 1 });
    await worker.start();
    const result = await task.applyAsync([], { ignoreResult: true });
    await expect(result.get()).rejects.toMatchObject({ code: "TASK_RESULT_IGNORED" });
    await (await last.delay()).get({ timeoutMs: 20_000 });
    return await results.get(result.id);
  }

  test("leaves no record, neither of success nor of failure", async () => {
    let runs = 0;
    // Long enough for the record of its start to be stored, were it kept.
    expect(
      await runIgnored({}, async () => {
        runs++;
        await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      }),
    ).toBeNull();
    expect(await runIgnored({}, () => Promise.reject(new Error("lost")))).toBeNull();
    expect(runs).toBe(1);
  });

  test("leaves a record of its failure when the task asks for it", async () => {
    const options = { storeErrorsEvenIfIgnored: true };
    expect(await runIgnored(options, () => "fine")).toBeNull();
    const record = await runIgnored(options, () => Promise.reject(new Error("kept")));
    expect(record).toMatchObject({ state: "FAILURE", error: { message: "kept" } });
  });
});

test("logs call a task by its shadow", async () => {
  const logged = Promise.withResolvers<unknown>();
  const ignore = (): void => undefined;
  const error = (fields: unknown): void => logged.resolve(fields);
  const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error };
  await using tasks = createTasks({ broker: "memory:", results: "memory:", logger });
  const fail = tasks.task("tasks.fail", () => Promise.reject(new Error("no")));
  await using worker = tasks.createWorker();
  await worker.start();
  await fail.applyAsync([], { shadow: "nightly report" });
  expect(await logged.promise).toMatchObject({ task: "nightly report" });
});
