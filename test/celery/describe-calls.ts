import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import type { AsyncResult, Broker, Tasks } from "../../src/tasks/index.ts";
import { decodeMessage } from "../../src/tasks/message/decode.ts";
import { eventually } from "../redis/eventually.ts";
import type { CeleryCaller } from "./celery-process.ts";

/** Callers of both languages, and where their messages are. A Python worker works on the queue `python`. */
export interface CallSite {
  readonly tasks: Tasks;
  readonly caller: CeleryCaller;
  /** Another broker of ours in the same place. */
  readonly openBroker: () => Broker;
}

const HEADERS = {
  "x-tenant": "acme",
  numbers: [1, 128, 300, 70_000, 2 ** 40, -1, 1.5, null],
};

/** The priorities of the call that is to be run first, and of two others. */
export interface Priorities {
  readonly first: number;
  readonly low: number;
  readonly high: number;
}

/** Sends two calls to a Python worker that is busy, the less important one first; tells which of them it ran first. */
export async function whichRanFirst(
  tasks: Tasks,
  { first, low, high }: Priorities,
): Promise<"low" | "high"> {
  const folder = mkdtempSync(join(tmpdir(), "tidings-order-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "release");
  const send = (name: string, argument: string, priority: number): Promise<AsyncResult> =>
    tasks.sendTask(name, [argument], { queue: "python", priority });
  const busy = await send("py.progress", path, first);
  await eventually(async () => (await busy.state()) === "PROGRESS");
  // Celery may take one message ahead.
  await send("py.time", "ahead", first);
  const sent = [await send("py.time", "low", low), await send("py.time", "high", high)];
  writeFileSync(path, "");
  const [lowAt, highAt] = await Promise.all(sent.map((call) => call.get({ timeoutMs: 30_000 })));
  return Number(highAt) < Number(lowAt) ? "high" : "low";
}

/** Describes what a message carries between the languages, whatever broker it goes through. */
export function describeCalls(findSite: () => CallSite): void {
  describe("a call of ours", () => {
    test("shows a Python task all that it was sent with, integers of every size too", async () => {
      const { tasks } = findSite();
      const expires = new Date(Date.now() + 60_000);
      const taskId = randomUUID();
      const sent = await tasks.sendTask("py.request", [], {
        queue: "python",
        expires,
        priority: 6,
        headers: HEADERS,
        shadow: "pretty.name",
        timeLimitMs: 300_000,
        softTimeLimitMs: 200_000,
        rootId: "root",
        parentId: "parent",
        groupId: "group",
        taskId,
      });
      expect(await sent.get({ timeoutMs: 30_000 })).toMatchObject({
        id: taskId,
        timelimit: [300, 200],
        shadow: "pretty.name",
        expires: expires.toISOString().replace("Z", "000+00:00"),
        root_id: "root",
        parent_id: "parent",
        group: "group",
        priority: 6,
        tenant: "acme",
        numbers: HEADERS.numbers,
      });
    });

    test.each([
      ["direct", "video", "video"],
      ["topic", "video.*", "video.encode"],
      ["topic", "#.video", "a.b.video"],
    ])("reaches a Python task through a %s exchange bound by %s", async (kind, key, routingKey) => {
      const { tasks, caller } = findSite();
      const exchange = `exchange of ${key}`;
      await caller.bind({ exchange, kind, key, queue: "python" });
      const sent = await tasks.sendTask("py.echo", [routingKey], { exchange, routingKey });
      expect(await sent.get({ timeoutMs: 30_000 })).toEqual({ args: [routingKey], kwargs: {} });
    });

    test("reaches who listens to a Broadcast in Python, and is refused when nobody does", async () => {
      const { tasks, caller } = findSite();
      const exchange = `news-${randomUUID()}`;
      const address = { exchange, routingKey: "celery" };
      const early = tasks.sendTask("py.echo", ["early"], address);
      await expect(early).rejects.toMatchObject({ code: "TASK_UNROUTABLE" });
      await caller.listen(exchange);
      await tasks.sendTask("py.echo", ["now"], address);
      const embed = { callbacks: null, errbacks: null, chain: null, chord: null };
      expect(await caller.heard()).toEqual({
        task: "py.echo",
        body: [["now"], {}, embed],
        found: exchange,
      });
    });

    test("is refused when an exchange finds no queue, and nothing is sent", async () => {
      const { tasks, caller } = findSite();
      await caller.bind({ exchange: "found", kind: "topic", key: "video.*", queue: "python" });
      for (const [exchange, routingKey] of [
        ["found", "audio.encode"],
        ["found", ""],
        ["missing", "video.encode"],
      ] as const) {
        const sending = tasks.sendTask("py.echo", [], { exchange, routingKey });
        await expect(sending).rejects.toMatchObject({ code: "TASK_UNROUTABLE" });
      }
    });
  });

  test("a call of Python's shows us all that it was sent with, integers of every size too", async () => {
    const { caller, openBroker } = findSite();
    const queue = `ours-${randomUUID()}`;
    const id = await caller.send("ts.any", [1], {
      kwargs: { x: 1 },
      queue,
      priority: 6,
      headers: HEADERS,
      shadow: "pretty.name",
      time_limit: 300,
      soft_time_limit: 200,
      root_id: "root",
      parent_id: "parent",
      group_id: "group",
      ignore_result: true,
      expires_in: 60,
    });
    await using broker = openBroker();
    const [delivery] = await broker.take({ queues: [queue], limit: 1, leaseMs: 1_000 });
    const message = delivery && decodeMessage(delivery.message);
    expect(message).toMatchObject({
      id,
      args: [1],
      kwargs: { x: 1 },
      priority: 6,
      headers: HEADERS,
      shadow: "pretty.name",
      timeLimits: { hardMs: 300_000, softMs: 200_000 },
      rootId: "root",
      parentId: "parent",
      group: "group",
      ignoreResult: true,
    });
    expect(message?.expires).toBeGreaterThan(Date.now() + 50_000);
    if (delivery) await broker.acknowledge(delivery);
  });
}
