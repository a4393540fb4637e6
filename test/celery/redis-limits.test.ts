import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { afterEach, expect, test } from "vitest";

import { createTasks } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { useRedis } from "../redis/use-redis.ts";
import { CeleryCaller } from "./celery-process.ts";

const { server, redis } = await useRedis();
const workers: ChildProcess[] = [];

afterEach(() =>
  Promise.all(
    workers.splice(0).map(async (worker) => {
      if (worker.exitCode !== null || worker.signalCode !== null) return;
      const exited = once(worker, "exit");
      worker.kill("SIGKILL");
      await exited;
    }),
  ),
);

/** Others may have what it holds when it has stood still for `leaseMs`. */
async function startWorker(leaseMs: number): Promise<ChildProcess> {
  const main = fileURLToPath(new URL("limits-worker-main.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    ["--conditions=tidings-source", main, server.url, String(leaseMs)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  workers.push(child);
  if (child.stdout) await once(child.stdout, "data");
  return child;
}

/** What the workers, and this test of them, have written down, in the order of Redis. */
async function readJournal(): Promise<readonly string[]> {
  const lines = await redis.command(["LRANGE", "journal", "0", "-1"]);
  return Array.isArray(lines) ? lines.map(String) : [];
}

/** The most runs of one key at the same time; those of a worker that is gone count no longer. */
function peakOf(journal: readonly string[]): number {
  const running: { readonly pid: string; readonly key: string }[] = [];
  let peak = 0;
  for (const line of journal) {
    const [what, pid = "", key = ""] = line.split(" ");
    if (what === "begin") running.push({ pid, key });
    else if (what === "end") {
      running.splice(
        running.findIndex((run) => run.pid === pid && run.key === key),
        1,
      );
    } else running.splice(0, Infinity, ...running.filter((run) => run.pid !== pid));
    for (const { key: own } of running) {
      peak = Math.max(peak, running.filter((run) => run.key === own).length);
    }
  }
  return peak;
}

const begun = async (pid?: number): Promise<number> =>
  (await readJournal()).filter((line) => line.startsWith(`begin ${pid ?? ""}`)).length;

test("no more of one key run at once than its limit, when a worker is killed, too", async () => {
  await using tasks = createTasks({ broker: server.url, results: server.url });
  const both = await Promise.all([startWorker(4_000), startWorker(4_000)]);
  const calls = Array.from({ length: 36 }, (_, n) => ["a", "b", "c"][n % 3] ?? "");
  const sent = await Promise.all(calls.map((key) => tasks.sendTask("limits.keyed", [key, 60])));
  let victim: ChildProcess | undefined;
  await eventually(async () => {
    for (const worker of both) if ((await begun(worker.pid)) >= 6) victim = worker;
    return victim;
  });
  if (!victim) throw new Error("one of them has begun six");
  const exited = once(victim, "exit");
  victim.kill("SIGKILL");
  await exited;
  await redis.command(["RPUSH", "journal", `gone ${victim.pid}`]);
  await Promise.all(sent.map((result) => result.get({ timeoutMs: 30_000 })));
  const journal = await readJournal();
  expect(peakOf(journal)).toBe(2);
  // What Redis still knows of slots is nothing.
  await eventually(async () => (await redis.command(["ZCARD", "_tidings.slots"])) === 0);
});

test("the slots of a worker that hangs go to others, and what it says afterwards is dropped", async () => {
  await using tasks = createTasks({ broker: server.url, results: server.url });
  const hanging = await startWorker(1_500);
  const sent = await Promise.all(["a", "a"].map((key) => tasks.sendTask("limits.held", [key])));
  await eventually(async () => (await begun()) === 2);
  hanging.kill("SIGSTOP");
  const other = await startWorker(60_000);
  const pids = await Promise.all(sent.map((result) => result.get({ timeoutMs: 30_000 })));
  expect(pids).toEqual([other.pid, other.pid]);
  hanging.kill("SIGCONT");
  await redis.command(["SET", "release", "1"]);
  const ended = `end ${hanging.pid} a`;
  await eventually(async () => (await readJournal()).filter((line) => line === ended).length === 2);
  const more = await Promise.all(
    Array.from({ length: 4 }, () => tasks.sendTask("limits.held", ["a"])),
  );
  await Promise.all(more.map((result) => result.get({ timeoutMs: 30_000 })));
  const records = await Promise.all(sent.map((result) => result.record()));
  expect(records.map(({ result }) => result)).toEqual([other.pid, other.pid]);
});

test("a rate holds for all workers together, whoever called", async () => {
  await using tasks = createTasks({ broker: server.url, results: server.url });
  await using caller = CeleryCaller.start(server.url);
  await Promise.all([startWorker(60_000), startWorker(60_000)]);
  const python = await caller.send("limits.paced", [], { kwargs: {} });
  const sentAt = Date.now();
  const sent = await Promise.all(
    Array.from({ length: 24 }, () => tasks.sendTask("limits.paced", [])),
  );
  const times = [
    Number(await caller.get(python)),
    ...(await Promise.all(sent.map((result) => result.get({ timeoutMs: 30_000 })))).map(Number),
  ].toSorted((left, right) => left - right);
  // One in 50 ms, and Python's before: none begins sooner than its turn. A busy machine makes them late.
  for (const [index, time] of times.entries()) {
    expect(time - sentAt).toBeGreaterThanOrEqual((index - 2) * 50);
  }
  expect((times.at(-1) ?? 0) - sentAt).toBeLessThan(20_000);
});

test("a unique task is sent once, and again when it has been cancelled", async () => {
  const options = { broker: server.url, results: server.url };
  await using tasks = createTasks(options);
  const run = tasks.task("unique", { unique: true, queue: "nobody's" }, (n: number) => n);
  const sent = await Promise.all([run.delay(1), run.delay(1), run.delay(2)]);
  expect(sent[1].id).toBe(sent[0].id);
  expect(sent[2].id).not.toBe(sent[0].id);
  await sent[0].cancel();
  expect((await run.delay(1)).id).not.toBe(sent[0].id);
});
