import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";

import { silentLogger, type Logger } from "../core/logger.ts";
import { currentTask } from "./current-task.ts";
import { Decimal } from "./message/typed-values.ts";
import { MemoryResults } from "./results/memory.ts";
import { createTasks, type Tasks, type TasksOptions } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-tasks-"));
let files = 0;
const newUrl = { memory: () => "memory:", sqlite: () => `sqlite:${folder}/${files++}.db` };

afterAll(() => rm(folder, { recursive: true }));

function makeTasks(
  driver: keyof typeof newUrl = "memory",
  options: Partial<TasksOptions> = {},
): Tasks {
  const url = newUrl[driver]();
  return createTasks({ broker: url, results: url, ...options });
}

describe.each(["memory", "sqlite"] as const)("tasks on %s", (driver) => {
  test("run in a worker and give back their result", async () => {
    await using tasks = makeTasks(driver);
    const add = tasks.task("tasks.add", (x: number, y: number) => x + y);
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await add.delay(1, 2);
    const sum: number = await result.get({ timeoutMs: 20_000 });
    expect(sum).toBe(3);
    expect(await result.record()).toMatchObject({
      id: result.id,
      name: "tasks.add",
      state: "SUCCESS",
      queue: "celery",
      result: 3,
      error: null,
      retries: 0,
      runs: 1,
      worker: { pid: process.pid },
    });
  });

  test("fail with the kind and message of their error", async () => {
    await using tasks = makeTasks(driver);
    const fail = tasks.task("tasks.fail", () => {
      throw new RangeError("out of range");
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const result = await fail.delay();
    const error = await result.get({ timeoutMs: 20_000 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "TASK_FAILED",
      message: `task tasks.fail (${result.id}) failed: RangeError: out of range`,
      cause: { type: "RangeError", message: "out of range" },
    });
  });

  test("wait in the broker for as long as countdownMs says", async () => {
    await using tasks = makeTasks(driver);
    const when = tasks.task("tasks.when", () => Date.now());
    await using worker = tasks.createWorker();
    await worker.start();
    const sentAt = Date.now();
    const later = await when.applyAsync([], { countdownMs: 150 });
    const sooner = await when.delay();
    const laterAt = await later.get({ timeoutMs: 20_000 });
    expect(laterAt).toBeGreaterThanOrEqual(sentAt + 150);
    expect(await sooner.get({ timeoutMs: 20_000 })).toBeLessThanOrEqual(laterAt);
  });

  test("are revoked when they wait and are cancelled, and never run", async () => {
    await using tasks = makeTasks(driver);
    const ran: string[] = [];
    const note = tasks.task("tasks.note", (name: string) => void ran.push(name));
    const queued = await note.delay("queued");
    const delayed = await note.applyAsync(["delayed"], { countdownMs: 60_000 });
    expect([await queued.cancel(), await delayed.cancel()]).toEqual([true, true]);
    expect(await queued.record()).toMatchObject({
      state: "REVOKED",
      name: "tasks.note",
      queue: "celery",
    });
    await using worker = tasks.createWorker();
    await worker.start();
    await (await note.delay("kept")).get({ timeoutMs: 20_000 });
    expect(ran).toEqual(["kept"]);
    await expect(delayed.get()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
    expect(await delayed.cancel()).toBe(false);
  });

  test("tell who watches every state in order, the last one last", async () => {
    await using tasks = makeTasks(driver);
    const gate = Promise.withResolvers<void>();
    const step = tasks.task("tasks.step", async () => {
      await currentTask().progress({ done: 1, total: 2, message: "half" });
      await gate.promise;
      return "done";
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const { id } = await step.delay();
    const states: string[] = [];
    const revisions: number[] = [];
    for await (const { revision, state, progress } of tasks.results.watch(id)) {
      states.push(state);
      revisions.push(revision);
      if (progress?.message === "half") gate.resolve();
    }
    expect(revisions).toEqual(revisions.toSorted((left, right) => left - right));
    expect(new Set(revisions).size).toBe(revisions.length);
    expect(states.at(-1)).toBe("SUCCESS");
    expect(states).toContain("STARTED");
    expect(new Set(states).isSubsetOf(new Set(["PENDING", "STARTED", "SUCCESS"]))).toBe(true);
  });

  test("tell who listens for changes that something changed", async () => {
    await using tasks = makeTasks(driver);
    const noop = tasks.task("tasks.noop", () => null);
    const stop = new AbortController();
    const changes = tasks.results.changes({ signal: stop.signal });
    const first = changes.next();
    await using worker = tasks.createWorker();
    await worker.start();
    await noop.delay();
    expect(await first).toEqual({ done: false, value: undefined });
    stop.abort();
    expect((await changes.next()).done).toBe(true);
  });

  test("carry what JSON carries, both ways", async () => {
    await using tasks = makeTasks(driver);
    const echo = tasks.task("tasks.echo", (value: unknown) => value);
    await using worker = tasks.createWorker();
    await worker.start();
    const value = {
      text: "é 🙂 \u0000",
      list: [1, -2.5, 1e300, null, true, []],
      deep: { a: { b: {} } },
    };
    expect(await (await echo.delay(value)).get({ timeoutMs: 20_000 })).toEqual(value);
  });

  test("carry what typed values carry, both ways", async () => {
    await using tasks = makeTasks(driver);
    const echo = tasks.task("tasks.echo", (value: unknown) => value);
    await using worker = tasks.createWorker();
    await worker.start();
    const value = {
      integer: -(2n ** 70n),
      numbers: [Number.NaN, -Infinity],
      date: new Date(5),
      bytes: new Uint8Array([255]),
      decimal: new Decimal("0.10"),
    };
    expect(await (await echo.delay(value)).get({ timeoutMs: 20_000 })).toEqual(value);
  });

  test("run once for each of a thousand calls", async () => {
    await using tasks = makeTasks(driver);
    const seen: number[] = [];
    const note = tasks.task("tasks.note", (n: number) => seen.push(n));
    await using worker = tasks.createWorker();
    await worker.start();
    const results = await Promise.all(Array.from({ length: 1_000 }, (_, n) => note.delay(n)));
    await Promise.all(results.map((result) => result.get({ timeoutMs: 20_000 })));
    expect(seen.toSorted((left, right) => left - right)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => n),
    );
  });
});

describe("a task", () => {
  test("is the function when it is called", async () => {
    await using tasks = makeTasks();
    const add = tasks.task("tasks.add", (x: number, y: number) => x + y);
    expect(add(1, 2)).toBe(3);
    expect(add.name).toBe("tasks.add");
    expect(tasks.names).toEqual(["tasks.add"]);
  });

  test("checks its input when it is called, sent and run", async () => {
    await using tasks = makeTasks();
    const input = z.object({ to: z.email(), times: z.number().default(1) });
    const mail = tasks.task("tasks.mail", { input }, ({ to, times }) => `${to} ${times}`);
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await mail({ to: "a@b.cc" })).toBe("a@b.cc 1");
    expect(await (await mail.delay({ to: "a@b.cc" })).get({ timeoutMs: 20_000 })).toBe("a@b.cc 1");
    await expect(mail.delay({ to: "nobody" })).rejects.toMatchObject({
      code: "TASK_INVALID_ARGUMENTS",
      message: expect.stringContaining("the input of task tasks.mail does not fit its schema: to:"),
    });
    const sent = await tasks.sendTask("tasks.mail", [{ to: "nobody" }]);
    await expect(sent.get({ timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "TASK_FAILED",
      cause: { type: "TASK_INVALID_ARGUMENTS" },
    });
    const byName = await tasks.sendTask("tasks.mail", [], { kwargs: { to: "a@b.cc", times: 2 } });
    expect(await byName.get({ timeoutMs: 20_000 })).toBe("a@b.cc 2");
  });

  test("leaves out arguments that were left out, so that defaults hold", async () => {
    await using tasks = makeTasks();
    const add = tasks.task("tasks.add", (x: number, y: number = 10) => x + y);
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await (await add.delay(1, undefined)).get({ timeoutMs: 20_000 })).toBe(11);
  });

  test("goes to its own queue, or to the one that is asked for", async () => {
    await using tasks = makeTasks("memory", { defaultQueue: "standard" });
    const noop = tasks.task("tasks.noop", () => null);
    const mail = tasks.task("tasks.mail", { queue: "mail" }, () => null);
    const results = [
      await noop.delay(),
      await mail.delay(),
      await mail.applyAsync([], { queue: "slow" }),
    ];
    await using slow = tasks.createWorker({ queues: ["slow"] });
    await slow.start();
    await using worker = tasks.createWorker();
    await worker.start();
    expect(worker.queues).toEqual(["standard", "mail"]);
    for (const result of results) await result.get({ timeoutMs: 20_000 });
    const queues = await Promise.all(results.map(async (result) => (await result.record()).queue));
    expect(queues).toEqual(["standard", "mail", "slow"]);
  });

  test("knows the task that sent it, and the first one", async () => {
    await using tasks = makeTasks();
    const child = tasks.task("tasks.child", () => {
      const { id, parentId, rootId } = currentTask();
      return { id, parentId, rootId };
    });
    const parent = tasks.task("tasks.parent", async () => (await child.delay()).id);
    await using worker = tasks.createWorker();
    await worker.start();
    const sent = await parent.delay();
    const childId = await sent.get({ timeoutMs: 20_000 });
    const seen = await tasks.result(childId).get({ timeoutMs: 20_000 });
    expect(seen).toEqual({ id: childId, parentId: sent.id, rootId: sent.id });
  });
});

describe("definitions", () => {
  test.each([
    ["an empty name", (tasks: Tasks) => tasks.task("", () => 1), "the name of a task"],
    ["a name of blanks", (tasks: Tasks) => tasks.task("  ", () => 1), "the name of a task"],
    ["an empty queue", (tasks: Tasks) => tasks.task("t", { queue: "" }, () => 1), "`queue`"],
    [
      "negative retries",
      (tasks: Tasks) => tasks.task("t", { maxRetries: -1 }, () => 1),
      "`maxRetries`",
    ],
    [
      "a wait that is none",
      (tasks: Tasks) => tasks.task("t", { retryDelayMs: Number.NaN }, () => 1),
      "`retryDelayMs`",
    ],
    [
      "a backoff that is none",
      (tasks: Tasks) => tasks.task("t", { retryBackoff: { baseMs: -1 } }, () => 1),
      "`baseMs`",
    ],
    [
      "no function",
      (tasks: Tasks) => tasks.task("t", {}, JSON.parse("null")),
      "to have a function",
    ],
    [
      "an input that is no schema",
      (tasks: Tasks) => tasks.task("t", { input: JSON.parse("{}") }, () => 1),
      "a Standard Schema",
    ],
    ["no concurrency", (tasks: Tasks) => tasks.createWorker({ concurrency: 0 }), "`concurrency`"],
    [
      "an empty queue of a worker",
      (tasks: Tasks) => tasks.createWorker({ queues: [""] }),
      "a queue of a worker",
    ],
  ])("refuse %s", async (_name, define, message) => {
    await using tasks = makeTasks();
    expect(() => define(tasks)).toThrow(message);
    expect(tasks.names).toEqual([]);
  });

  test("refuse a name that is taken", async () => {
    await using tasks = makeTasks();
    tasks.task("tasks.add", () => 1);
    expect(() => tasks.task("tasks.add", () => 2)).toThrow(
      "a task named `tasks.add` is registered already",
    );
  });

  test.each(["sqs://user:secret@host", "tasks.db", ""])(
    "refuse the URL %j without showing it",
    (url) => {
      expect(() => createTasks({ broker: url, results: "memory:" })).toThrow(
        /one of the schemes sqlite:, memory:, redis:.*, got `(sqs:|no scheme)`$/,
      );
      expect(() => createTasks({ broker: "memory:", results: url })).toThrow(
        /expected a result URL/,
      );
    },
  );

  test.each(["sqlite:", "sqlite::memory:", "sqlite:tasks.db?mode=ro"])(
    "refuse the SQLite URL %j",
    (url) => {
      expect(() => createTasks({ broker: url, results: "memory:" })).toThrow("expected a file in");
    },
  );
});

describe("sending", () => {
  const cycle: { self?: object } = {};
  cycle.self = cycle;

  test.each([
    ["a function", () => 1],
    ["a map", { deep: [new Map()] }],
    ["a cycle", cycle],
  ])("refuses %s, and queues nothing", async (_name, argument) => {
    await using tasks = makeTasks();
    const echo = tasks.task("tasks.echo", (value: unknown, _more: number) => value);
    await expect(echo.applyAsync([argument, 1], { taskId: "one" })).rejects.toMatchObject({
      code: "TASK_INVALID_ARGUMENTS",
      message: expect.stringContaining(
        "task tasks.echo cannot be sent: expected a JSON value at arguments[0]",
      ),
    });
    expect(await tasks.cancel("one")).toBe(false);
  });

  test("carries dates, bytes, big integers and NaN to the worker", async () => {
    await using tasks = makeTasks();
    const received: unknown[] = [];
    const keep = tasks.task("tasks.keep", (...values: readonly unknown[]) => {
      received.push(...values);
    });
    await using worker = tasks.createWorker();
    await worker.start();
    const values = [new Date(1), new Uint8Array([255]), 2n ** 64n, { deep: Number.NaN }];
    await (await keep.delay(...values)).get({ timeoutMs: 20_000 });
    expect(received).toEqual(values);
  });

  test("writes messages as its format says, and reads only what it accepts", async () => {
    const format = { serializer: "msgpack", compression: "zstd" } as const;
    await using tasks = makeTasks("memory", { ...format, maxMessageBytes: 20_000_000 });
    const echo = tasks.task("tasks.length", (text: string) => text.length);
    const length = 17_000_000;
    const sent = await echo.delay("x".repeat(length));
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await sent.get({ timeoutMs: 20_000 })).toBe(length);

    await using strict = makeTasks("memory", { ...format, accept: ["json"] });
    const refused = await strict.task("tasks.none", () => null).delay();
    await using strictWorker = strict.createWorker();
    await strictWorker.start();
    await expect(refused.get({ timeoutMs: 20_000 })).rejects.toThrow(
      'to be json, got "application/x-msgpack"',
    );
  });

  test.each([
    [{ serializer: "pickle" }, "serializer"],
    [{ compression: "bz2" }, "compression"],
    [{ accept: [] }, "accept"],
    [{ accept: ["json", "pickle"] }, "accept"],
  ])("refuses the format %j", (format, name) => {
    const options = { broker: "memory:", results: "memory:", ...format };
    expect(() => Reflect.apply(createTasks, undefined, [options])).toThrow(
      expect.objectContaining({
        code: "OPTION_INVALID",
        message: expect.stringContaining(`\`${name}\``),
      }),
    );
  });

  test("counts arguments before they are compressed", async () => {
    await using tasks = makeTasks("memory", { compression: "zlib", maxMessageBytes: 1_000 });
    const echo = tasks.task("tasks.echo", (text: string) => text.length);
    await expect(echo.delay("x".repeat(1_000))).rejects.toMatchObject({ code: "TASK_TOO_LARGE" });
  });

  test("refuses arguments beyond maxMessageBytes, counted in bytes", async () => {
    await using tasks = makeTasks("memory", { maxMessageBytes: 1_000 });
    const echo = tasks.task("tasks.echo", (text: string) => text.length);
    await expect(echo.delay("é".repeat(500))).rejects.toMatchObject({ code: "TASK_TOO_LARGE" });
    await expect(echo.delay("e".repeat(500))).resolves.toBeDefined();
  });

  test("refuses an id that waits already", async () => {
    await using tasks = makeTasks();
    const noop = tasks.task("tasks.noop", () => null);
    expect((await noop.applyAsync([], { taskId: "mine" })).id).toBe("mine");
    await expect(noop.applyAsync([], { taskId: "mine" })).rejects.toThrow("waits or runs already");
  });

  test.each(["memory", "sqlite"] as const)(
    "refuses the id of a task that has ended, on %s",
    async (driver) => {
      await using tasks = makeTasks(driver);
      const echo = tasks.task("tasks.echo", (value: string) => value);
      const worker = tasks.createWorker();
      await worker.start();
      const first = await echo.applyAsync(["first"], { taskId: "mine" });
      await first.get({ timeoutMs: 20_000 });
      await worker.stop();
      await expect(echo.applyAsync(["second"], { taskId: "mine" })).rejects.toMatchObject({
        code: "TASK_INVALID_ARGUMENTS",
        message: expect.stringContaining('a task with the id "mine" has ended already'),
      });
      expect(await tasks.cancel("mine")).toBe(false);
      expect(await first.get()).toBe("first");
    },
  );

  test.each([
    ["a negative countdown", { countdownMs: -1 }, "`countdownMs`"],
    ["countdown and eta together", { countdownMs: 1, eta: new Date() }, "`eta`"],
    ["an eta that is no time", { eta: new Date(Number.NaN) }, "`eta`"],
    ["an empty queue", { queue: "" }, "`queue`"],
    ["an empty id", { taskId: "" }, "`taskId`"],
  ])("refuses %s", async (_name, options, message) => {
    await using tasks = makeTasks();
    const noop = tasks.task("tasks.noop", () => null);
    await expect(noop.applyAsync([], options)).rejects.toThrow(message);
  });
});

describe("waiting for a result", () => {
  test("gives up after timeoutMs, and the task goes on", async () => {
    await using tasks = makeTasks();
    const noop = tasks.task("tasks.noop", () => "done");
    const result = await noop.delay();
    await expect(result.get({ timeoutMs: 1 })).rejects.toMatchObject({
      code: "TASK_RESULT_TIMEOUT",
    });
    await using worker = tasks.createWorker();
    await worker.start();
    expect(await result.get({ timeoutMs: 20_000 })).toBe("done");
  });

  test("gives up when its signal fires", async () => {
    await using tasks = makeTasks();
    const result = tasks.result("unknown");
    expect(await result.record()).toMatchObject({ state: "PENDING", name: null, revision: 0 });
    const stop = new AbortController();
    const waiting = result.get({ signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(result.get({ signal: stop.signal })).rejects.toThrow("enough");
  });
});

describe.each(["memory", "sqlite"] as const)("closing tasks on %s", (driver) => {
  const closed = { code: "STORAGE_UNAVAILABLE", message: expect.stringContaining("closed") };

  test("ends the waiting for results", async () => {
    const tasks = makeTasks(driver);
    const waiting = tasks.result("unknown").get();
    const watched = tasks.results.watch("unknown");
    await watched.next();
    const changed = watched.next();
    const changes = tasks.results.changes().next();
    const ends = [waiting, changed, changes].map((end) =>
      expect(end).rejects.toMatchObject(closed),
    );
    await tasks.close();
    await Promise.all(ends);
  });

  test("refuses to wait for results afterwards", async () => {
    const tasks = makeTasks(driver);
    await tasks.close();
    await expect(tasks.result("unknown").get()).rejects.toMatchObject(closed);
    await expect(tasks.results.changes().next()).rejects.toMatchObject(closed);
    await expect(tasks.results.get("unknown")).rejects.toMatchObject(closed);
    await tasks.close();
  });
});

test("closing tasks ends the waiting for results, but not a store that was passed in", async () => {
  await using results = new MemoryResults();
  const tasks = makeTasks("memory", { results });
  const changes = tasks.results.changes();
  const [waiting, following] = await Promise.allSettled([
    tasks.result("unknown").get(),
    changes.next(),
    tasks.close(),
  ]);
  const closed = { reason: { code: "STORAGE_UNAVAILABLE" } };
  expect([waiting, following]).toMatchObject([closed, closed]);
  expect(await tasks.results.get("unknown")).toMatchObject({ state: "PENDING" });
});

describe("currentTask", () => {
  test("is refused outside of a task", () => {
    expect(() => currentTask()).toThrow("expected currentTask() to be called while a task runs");
  });

  test("is there when the task is called directly, and says nothing to anybody", async () => {
    await using tasks = makeTasks();
    const look = tasks.task("tasks.look", async () => {
      const task = currentTask();
      await task.progress({ done: 1, total: 2 });
      await task.log("hello");
      return [task.name, task.queue, task.retries, task.signal.aborted];
    });
    expect(await look()).toEqual(["tasks.look", null, 0, false]);
  });
});

test("an SQLite file that is removed under a worker is told of, and a new one is worked for", async () => {
  const path = join(folder, `${files++}.db`);
  const url = `sqlite:${path}`;
  const error = vi.fn<Logger["error"]>();
  await using tasks = createTasks({
    broker: url,
    results: url,
    logger: { ...silentLogger, error },
  });
  const wait = tasks.task(
    "tasks.wait",
    () => new Promise((resolve) => setTimeout(resolve, 60_000)),
  );
  const once = tasks.task("tasks.once", { concurrency: { limit: 1 } }, (text: string) => text);
  await using worker = tasks.createWorker({ stopTimeoutMs: 1 });
  await worker.start();
  expect(await (await once.delay("first")).get({ timeoutMs: 20_000 })).toBe("first");
  const waits = (await wait.delay()).get({ timeoutMs: 20_000 });
  for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`);
  await expect(waits).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  await expect
    .poll(() => error.mock.calls)
    .toMatchObject([
      [{ err: { message: expect.stringContaining("removed or replaced") } }, expect.anything()],
    ]);
  // Sending is tried again until there is a file.
  expect(await (await once.delay("second")).get({ timeoutMs: 20_000 })).toBe("second");
  expect(await tasks.control.ask("ping", { destination: [worker.name] })).toEqual(
    new Map([[worker.name, { ok: "pong" }]]),
  );
});

test("options that nobody knows are refused, with the nearest that somebody does", async () => {
  await using tasks = makeTasks();
  const add = tasks.task("tasks.add", (x: number, y: number) => x + y);
  const wrong = JSON.parse('{"countdown":5}');
  const hint = { code: "OPTION_INVALID", message: expect.stringContaining("mean `countdownMs`?") };
  await expect(add.applyAsync([1, 2], wrong)).rejects.toMatchObject(hint);
  await expect(add.applyMany([[1, 2]], wrong)).rejects.toMatchObject(hint);
  await expect(tasks.sendTask("tasks.add", [1, 2], wrong)).rejects.toMatchObject(hint);
  expect(() => tasks.task("other", JSON.parse('{"retries":3}'), () => null)).toThrow(
    'task other has no option "retries"; there are queue, exchange,',
  );
  expect(() => tasks.createWorker(JSON.parse('{"leaseMS":3}'))).toThrow(
    'a worker has no option "leaseMS" (did you mean `leaseMs`?)',
  );
  expect(() => makeTasks("memory", { worker: JSON.parse('{"concurrency":3}') })).toThrow(
    '`worker` has no option "concurrency"',
  );
  await expect(add.applyAsync([1, 2], JSON.parse("{}"))).resolves.toMatchObject({});
});

test("an error names the task that was sent, where its record does not", async () => {
  const results = new MemoryResults();
  await using tasks = makeTasks("memory", { results });
  const sent = await tasks.sendTask("py.boom");
  const error = { type: "ValueError", message: "boom" };
  const record = await sent.record();
  await results.store({ ...record, state: "FAILURE", error, finishedAt: 1, runs: 1 });
  await expect(sent.get()).rejects.toThrow(`task py.boom (${sent.id}) failed: ValueError: boom`);
  const unknown = tasks.result(sent.id).get();
  await expect(unknown).rejects.toThrow(`task of unknown name (${sent.id})`);
});
