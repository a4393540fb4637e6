import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { MemoryBroker } from "../brokers/memory.ts";
import { createTasks, type Tasks } from "../tasks.ts";
import type { Worker } from "../worker/worker.ts";
import type { ControlReply, ControlRequest } from "./control-channel.ts";
import { RevokedTasks } from "./revoked-tasks.ts";

/** A broker that remembers revoked ids, as those of Celery do. */
class RevokingBroker extends MemoryBroker {
  readonly revoked = new RevokedTasks(this.control, { now: Date.now });
}

let broker: MemoryBroker;
let tasks: Tasks;
let worker: Worker;
let release: () => void;
const started: string[] = [];

beforeEach(async () => {
  broker = new MemoryBroker();
  tasks = createTasks({ broker, results: "memory:" });
  const { promise: released, resolve } = Promise.withResolvers<void>();
  release = resolve;
  started.length = 0;
  tasks.task("t.add", (x: number, y: number) => x + y);
  tasks.task("t.wait", { parameters: "object" }, async (name: string) => {
    started.push(name);
    await released;
  });
  worker = tasks.createWorker({ name: "one@here", queues: ["celery", "mail"], concurrency: 2 });
  await worker.start();
});

afterEach(async () => {
  release();
  await worker.stop();
  await tasks.close();
});

async function ask(method: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
  const destination = ["one@here"];
  const answers = await tasks.control.ask(method, { arguments: args, destination });
  return answers.get("one@here");
}

/** A request as anybody may write it. */
async function send(part: Partial<ControlRequest>): Promise<readonly ControlReply[]> {
  const replies: ControlReply[] = [];
  const inbox = await broker.control.openInbox((reply) => replies.push(reply));
  await broker.control.send({
    method: "ping",
    arguments: {},
    destination: null,
    pattern: null,
    matcher: null,
    expiresAt: null,
    replyTo: inbox.address,
    ...part,
  });
  // In memory all that was asked before is answered first.
  await ask("ping");
  return replies;
}

describe("a worker that is spoken to", () => {
  test("answers ping", async () => {
    expect(await ask("ping")).toEqual({ ok: "pong" });
  });

  test("names its tasks and queues", async () => {
    expect(await ask("registered")).toEqual(["t.add", "t.wait"]);
    expect(await ask("active_queues")).toMatchObject([
      { name: "celery", routing_key: "celery" },
      { name: "mail", routing_key: "mail" },
    ]);
  });

  test("shows what runs, and how often tasks have run", async () => {
    await (await tasks.sendTask("t.add", [1, 2])).get();
    const sent = await tasks.sendTask("t.wait", ["é"], { kwargs: { k: [1] } });
    await expect.poll(() => started).toEqual(["é"]);
    const active = { id: sent.id, name: "t.wait", args: ["é"], kwargs: { k: [1] } };
    expect(await ask("active")).toMatchObject([{ ...active, hostname: "one@here" }]);
    expect(await ask("active", { safe: true })).toMatchObject([{ args: "('é',)" }]);
    expect(await ask("query_task", { ids: [sent.id, "x"] })).toMatchObject({
      [sent.id]: ["active", { name: "t.wait" }],
    });
    expect(await ask("stats")).toMatchObject({
      total: { "t.add": 1 },
      pid: process.pid,
      clock: expect.stringMatching(/^\d+$/),
      pool: { "max-concurrency": 2, processes: [process.pid] },
    });
  });

  test("cancels a task that waits, and one that runs", async () => {
    const running = await tasks.sendTask("t.wait", ["runs"]);
    await expect.poll(() => started).toEqual(["runs"]);
    const waiting = await tasks.sendTask("t.add", [1, 1], { countdownMs: 60_000 });
    expect(await ask("revoke", { task_id: waiting.id })).toEqual({
      ok: `tasks ${waiting.id} flagged as revoked`,
    });
    expect((await waiting.record()).state).toBe("REVOKED");
    expect(await ask("terminate", { task_id: [running.id] })).toEqual({
      ok: `terminate: ${running.id}`,
    });
    release();
    await expect(running.get()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  });

  test("answers what it cannot do with an error", async () => {
    expect(await ask("nosuch")).toEqual({ error: "KeyError('nosuch')" });
    expect(await ask("constructor")).toEqual({ error: "KeyError('constructor')" });
    expect(await ask("revoke")).toEqual({ error: expect.stringContaining("`task_id`") });
    expect(await ask("hello", { from_node: 1, revoked: "x" })).toMatchObject({ revoked: {} });
    expect(await ask("hello", { from_node: "one@here" })).toBeNull();
  });

  test("tells a worker that starts what was revoked, at times that are no whole numbers", async () => {
    const revoking = new RevokingBroker();
    await using others = createTasks({ broker: revoking, results: "memory:" });
    await using other = others.createWorker({ name: "two@here" });
    await other.start();
    await revoking.revoked.start();
    await revoking.revoked.revoke("gone");
    vi.spyOn(process.hrtime, "bigint").mockReturnValue(86_400_000_000_000n);
    const args = { from_node: "celery@here", revoked: { theirs: [1.5, "theirs"] } };
    const options = { arguments: args, destination: ["two@here"] };
    const answers = await others.control.ask("hello", options);
    expect(answers.get("two@here")).toMatchObject({ revoked: { gone: [86_400.000_5, "gone"] } });
    expect(revoking.revoked.has("theirs")).toBe(true);
    expect(revoking.revoked.terminates("theirs")).toBe(false);
  });

  test.each([
    ["named", { destination: ["other@here", "one@here"] }, 1],
    ["named otherwise", { destination: ["other@here"] }, 0],
    ["meant by a glob", { pattern: "one@*", matcher: "glob" as const }, 1],
    ["not meant by a glob", { pattern: "two@*", matcher: "glob" as const }, 0],
    ["meant by an expression", { pattern: "o.e@", matcher: "pcre" as const }, 1],
    ["not meant by an expression", { pattern: "here", matcher: "pcre" as const }, 0],
    ["meant by what is no expression", { pattern: "(", matcher: "pcre" as const }, 0],
    ["asked too late", { expiresAt: Date.now() - 1 }, 0],
  ])("answers when it is meant: %s", async (_, part, count) => {
    expect(await send(part)).toHaveLength(count);
  });

  test("answers no more than a hundred at the same time", async () => {
    const { promise: cancelled, resolve: letGo } = Promise.withResolvers<null>();
    const asked: string[] = [];
    broker.cancel = (id) => {
      asked.push(id);
      return cancelled;
    };
    for (let n = 0; n < 110; n++) {
      await tasks.control.tell("revoke", { arguments: { task_id: `${n}` } });
    }
    await expect.poll(() => asked).toHaveLength(100);
    letGo(null);
    await expect.poll(() => ask("ping")).toEqual({ ok: "pong" });
    expect(asked).toHaveLength(100);
  });

  test("shuts down when it is told to, and is silent then", async () => {
    await tasks.control.tell("shutdown");
    await expect.poll(() => worker.state).toBe("stopped");
    expect(await tasks.control.ask("ping", { timeoutMs: 20 })).toEqual(new Map());
  });
});
