import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { openRedis } from "../../src/redis/index.ts";
import { createTasks, currentTask, type Tasks, type Worker } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { CeleryCaller, CeleryWorker } from "./celery-process.ts";
import { describeControl } from "./describe-control.ts";

const resources = new AsyncDisposableStack();
let server: RedisServer;
let tasks: Tasks;
let worker: Worker;
let caller: CeleryCaller;
/** Takes as long as Redis may take to come back: everything else goes on meanwhile. */
let inVain: Promise<unknown>;

beforeAll(async () => {
  inVain = askInVain();
  server = resources.use(await RedisServer.start());
  tasks = resources.use(createTasks({ broker: server.url, results: server.url }));
  tasks.task("ts.slow", async (_name: string) => {
    const { signal } = currentTask();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
  worker = resources.use(tasks.createWorker({ name: "ours@here", queues: ["ours"] }));
  await worker.start();
  await eventually(async () => (await ask("ping", 200)).has("ours@here"));
  // With mingle: it asks ours what was revoked, and believes the answer.
  await tasks.cancel("revoked-before");
  caller = resources.use(CeleryCaller.start(server.url));
  resources.use(await CeleryWorker.start(server.url, { queue: "python", mingles: true }));
});

afterAll(() => resources.disposeAsync());

function ask(method: string, timeoutMs?: number) {
  return tasks.control.ask(method, { timeoutMs });
}

/** Asks until Celery's worker has answered too: a second may be too short for it. */
async function askBoth(method: string) {
  let answers = await ask(method);
  await eventually(async () => answers.size > 1 || (answers = await ask(method)).size > 1);
  return answers;
}

/** What Celery's `inspect` says. */
function inspect(...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  return caller.command("inspect", ...words);
}

/** Asks where no more connections can be made; returns what that leaves behind. */
async function askInVain(): Promise<unknown> {
  await using small = await RedisServer.start();
  await using others = createTasks({ broker: small.url, results: small.url });
  const redis = openRedis(small.url);
  await others.control.tell("ping");
  await redis.command(["CONFIG", "SET", "requirepass", "secret"]);
  const error = await others.control.ask("ping").catch((reason: unknown) => reason);
  const keys = await redis.command(["KEYS", "*"]);
  await redis.close();
  return { error, keys };
}

describe("Celery's commands and our worker", () => {
  test("show it in the status, beside Python's", async () => {
    let answers: Readonly<Record<string, unknown>> = {};
    // It waits a second for answers, which may be too short for somebody.
    await eventually(async () => {
      answers = await inspect("ping");
      return Object.keys(answers).length > 1;
    });
    expect(Object.values(answers)).toEqual([{ ok: "pong" }, { ok: "pong" }]);
    expect(answers).toHaveProperty(["ours@here"]);
  });

  test("show what it knows and does", async () => {
    const sent = await tasks.sendTask("ts.slow", ["é"], { queue: "ours" });
    onTestFinished(async () => {
      await tasks.cancel(sent.id);
      await sent.get({ timeoutMs: 30_000 }).catch(() => null);
    });
    await eventually(async () => (await sent.record()).state === "STARTED");
    const only = ["--timeout", "30", "-d", "ours@here"];
    const registered = await inspect("registered", ...only);
    const active = await inspect("active", ...only);
    const stats = await inspect("stats", ...only);
    const queues = await inspect("active_queues", ...only);
    const conf = await inspect("conf", ...only);
    const report = await inspect("report", ...only);
    expect(registered).toEqual({ "ours@here": ["ts.slow"] });
    expect(active).toMatchObject({
      "ours@here": [{ id: sent.id, name: "ts.slow", args: ["é"], worker_pid: process.pid }],
    });
    expect(stats).toMatchObject({ "ours@here": { pid: process.pid } });
    expect(stats).toMatchObject({
      "ours@here": { broker: { transport: "redis", port: server.port } },
    });
    expect(conf).toMatchObject({ "ours@here": { broker_url: server.url } });
    expect(JSON.stringify(report)).toContain("software -> tidings:");
    expect(queues).toMatchObject({ "ours@here": [{ name: "ours" }] });
  });
});

describeControl(() => ({ tasks, caller }));

describe("our commands and Celery's worker", () => {
  test("have their answers in common", async () => {
    const answers = await askBoth("ping");
    expect([...answers.values()]).toEqual([{ ok: "pong" }, { ok: "pong" }]);
  });

  test("tell a worker that starts what was revoked before", async () => {
    const answers = await askBoth("revoked");
    const name = [...answers.keys()].find((key) => key !== "ours@here") ?? "";
    expect(answers.get(name)).toContain("revoked-before");
    expect(answers.get("ours@here")).toContain("revoked-before");
  });
});

describe("the control channel in Redis", () => {
  test("leaves nothing behind when answers cannot be awaited", async () => {
    expect(await inVain).toEqual({
      error: expect.objectContaining({ code: "STORAGE_UNAVAILABLE" }),
      keys: [],
    });
  });

  test("drops what is no request, and answers on", async () => {
    const redis = openRedis(server.url);
    const body = (text: string): string =>
      JSON.stringify({
        body: Buffer.from(text).toString("base64"),
        properties: { body_encoding: "base64" },
      });
    const bad = ["", "}{", "[]", "{}", body("}{"), body("[1]"), body('{"method": {}}')];
    const odd = body(
      '{"method": "ping", "arguments": 1, "reply_to": {"exchange": 1}, "ticket": "t"}',
    );
    for (const text of [...bad, odd, body('{"method": "hello", "arguments": {"revoked": [1]}}')]) {
      await redis.command(["PUBLISH", "/0.celery.pidbox", text]);
    }
    const answers = await tasks.control.ask("ping", {
      destination: ["ours@here"],
      timeoutMs: 30_000,
    });
    expect(answers.get("ours@here")).toEqual({ ok: "pong" });
    await redis.close();
  });
});
