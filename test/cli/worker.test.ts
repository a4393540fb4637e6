import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, describe, expect, test } from "vitest";

import { createTasks, type AsyncResult, type Tasks } from "../../src/tasks/index.ts";
import { Tidings } from "./tidings.ts";

const MODULE = fileURLToPath(new URL("pool-application.ts", import.meta.url));
const SOON = { timeoutMs: 30_000 };
const folder = mkdtempSync(join(tmpdir(), "tidings-worker-command-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true }));

interface Running extends AsyncDisposable {
  readonly url: string;
  readonly tasks: Tasks;
  readonly command: Tidings;
}

/** Starts the command with options as one writes them. */
async function startWorker(options: string): Promise<Running> {
  const url = `sqlite:${folder}/${files++}.db`;
  const tasks = createTasks({ broker: url, results: url });
  const command = new Tidings(["worker", MODULE, ...options.split(" ")], {
    BROKER_URL: url,
  });
  await command.until(/"worker started"/);
  return {
    url,
    tasks,
    command,
    async [Symbol.asyncDispose]() {
      await command[Symbol.asyncDispose]();
      await tasks.close();
    },
  };
}

/** Waits until the task says that it has begun. */
async function untilBegun(tasks: Tasks, { id }: AsyncResult): Promise<void> {
  const options = { signal: AbortSignal.timeout(30_000) };
  for await (const { logs } of tasks.results.watch(id, options)) if (logs.length > 0) return;
  throw new Error("it has not begun");
}

describe("tidings worker", () => {
  test("runs tasks in processes, says so, and ends what runs before it stops", async () => {
    await using worker = await startWorker(
      "--pool processes -c 2 -n two@%h --time-limit 60 --max-tasks-per-child 100 --max-memory-per-child 1000000",
    );
    const { tasks, command } = worker;
    expect(command.output).toContain(
      `"worker":"two@${hostname()}","pool":"processes","concurrency":2,"timeLimitMs":60000`,
    );
    const pid = await (await tasks.sendTask("pools.pid")).get(SOON);
    expect(pid).not.toBe(command.child.pid);
    const slow = await tasks.sendTask("pools.slow", [500]);
    await untilBegun(tasks, slow);
    command.kill("SIGTERM");
    expect(await command.ended).toMatchObject({ code: 0 });
    expect(await slow.record()).toMatchObject({ state: "SUCCESS", result: 1 });
    expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
  });

  test.each([
    ["async", "pools.slow", "SIGINT", 130],
    ["threads", "pools.block", "SIGTERM", 143],
    ["processes", "pools.block", "SIGTERM", 143],
  ] as const)(
    "hands back at once what runs in the pool %s on a second signal",
    async (...[pool, task, signal, code]) => {
      await using worker = await startWorker(`--pool ${pool} --stop-timeout 60`);
      const { tasks, command, url } = worker;
      const sent = await tasks.sendTask(task, [60_000]);
      await untilBegun(tasks, sent);
      command.kill(signal);
      await command.until(/a second signal ends it at once/);
      command.kill(signal);
      expect(await command.ended).toMatchObject({ code });
      await using again = createTasks({ broker: url, results: url });
      again.task(task, () => "run again");
      await using second = again.createWorker();
      await second.start();
      expect(await sent.get(SOON)).toBe("run again");
      // It was handed back: nobody had to find out that its worker had gone.
      expect(await sent.record()).toMatchObject({ runs: 2 });
      expect(command.output).toContain("task handed back");
    },
  );

  test("goes on when a task forgets a promise, and stops in order when a callback of one throws", async () => {
    await using worker = await startWorker("-c 3");
    const { tasks, command } = worker;
    const forgetful = await tasks.sendTask("pools.forget");
    expect(await forgetful.get(SOON)).toBe(1);
    await command.until(/"forgotten".*"task":"pools.forget","id":"[^"]+"/);
    const slow = await tasks.sendTask("pools.slow", [500]);
    await untilBegun(tasks, slow);
    const thrower = await tasks.sendTask("pools.throw");
    await expect(thrower.get(SOON)).rejects.toMatchObject({ cause: { message: "thrown later" } });
    expect(await command.ended).toMatchObject({ code: 1 });
    expect(command.output).toMatch(/"thrown later".*"task":"pools.throw".*the worker stops/);
    expect(await thrower.record()).toMatchObject({ state: "FAILURE", runs: 1 });
    expect(await slow.record()).toMatchObject({ state: "SUCCESS", runs: 1 });
  });

  test("hands back what runs at once on SIGQUIT", async () => {
    await using worker = await startWorker("--pool solo");
    const { tasks, command } = worker;
    const sent = await tasks.sendTask("pools.slow", [60_000]);
    await untilBegun(tasks, sent);
    command.kill("SIGQUIT");
    expect(await command.ended).toMatchObject({ code: 131 });
    expect(await tasks.runtime.broker.contents.count("celery")).toMatchObject({ waiting: 1 });
  });

  test.each([
    [["--pool", "solo", "-c", "2"], "`--pool solo` or `--concurrency 2`, got both"],
    [["--max-tasks-per-child", "5"], "`--max-tasks-per-child 5` or `--pool async`, got both"],
    [
      ["--time-limit", "1", "--soft-time-limit", "1.5"],
      "`--soft-time-limit 1.5` or `--time-limit 1`, got both",
    ],
    [["-X", "celery"], "--exclude-queues celery leaves none of the application's own celery"],
    [["--pool", "forks"], "Allowed choices are async, threads, processes, solo"],
    [["--autoscale", "4,1", "-c", "2"], "cannot be used with option '-c, --concurrency <count>'"],
    [["--autoscale", "1,4"], "Expected two whole numbers, the larger one first: 10,2."],
    [["--pool", "solo", "--autoscale", "4"], "`--pool solo` or `--autoscale 4,1`, got both"],
    [["--prefetch-multiplier", "0"], "Expected a whole number from 1 to 1000."],
    [["--time-limit", "0"], "Expected a number of seconds, more than 0"],
  ])("refuses %j", async (args, message) => {
    await using command = new Tidings(["worker", MODULE, ...args], {
      BROKER_URL: `sqlite:${folder}/${files++}.db`,
    });
    const { code, output } = await command.ended;
    expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining(message) });
  });
});
