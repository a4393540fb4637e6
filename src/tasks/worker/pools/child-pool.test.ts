import { afterEach, describe, expect, test, vi } from "vitest";

import { silentLogger } from "../../../core/logger.ts";
import { decodeMessage } from "../../message/decode.ts";
import { encodeMessage } from "../../message/encode.ts";
import { pendingRecord } from "../../results/task-record.ts";
import { defineTask } from "../../task.ts";
import { Interruption } from "../interruption.ts";
import { TaskReport } from "../report.ts";
import type { ChildLink } from "./child-link.ts";
import type { FromChild, ToChild } from "./child-messages.ts";
import { ChildPool } from "./child-pool.ts";
import type { PoolCall } from "./pool.ts";

afterEach(() => void vi.useRealTimers());

/** The other end of a link: a child that does what the test says. */
interface PlayedChild {
  readonly heard: ToChild[];
  say(message: FromChild): void;
  end(how: string): void;
}

interface Bounds {
  readonly maxTasksPerChild?: number;
  readonly maxMemoryPerChildBytes?: number;
}

/** A pool of children that the test plays. */
function createPool(size: number, options: Bounds = {}) {
  const children: PlayedChild[] = [];
  const startChild = (_: string, say: (message: FromChild) => void): ChildLink => {
    const { promise: ended, resolve: end } = Promise.withResolvers<string>();
    const heard: ToChild[] = [];
    children.push({ heard, say, end });
    return {
      name: `child ${children.length}`,
      pid: children.length,
      ended,
      post(message) {
        heard.push(message);
        if (message.kind === "exit") end("exit 0");
      },
      kill: () => end("killed"),
    };
  };
  const pool = new ChildPool({
    kind: "processes",
    size,
    startChild,
    moduleUrl: "file:///tasks.ts",
    logger: silentLogger,
    startTimeoutMs: 1_000,
    maxTasksPerChild: Infinity,
    maxMemoryPerChildBytes: Infinity,
    ...options,
  });
  return { pool, children };
}

/** Starts a pool whose children are ready at once. */
async function startPool(size: number, options: Bounds = {}) {
  const { pool, children } = createPool(size, options);
  const started = pool.start(() => {});
  for (const child of children) child.say({ kind: "ready" });
  await started;
  return { pool, children };
}

function createCall(): PoolCall {
  const encoded = encodeMessage({ id: "1", task: "t" });
  return {
    definition: defineTask({ name: "t", options: {}, run: () => 1 }),
    message: decodeMessage(encoded),
    encoded,
    facts: { queue: "celery", runs: 1, workerName: "w", deadline: null },
    report: new TaskReport(pendingRecord("1"), async () => {}),
    interruption: new Interruption(),
  };
}

const ENDED = { kind: "ended", result: "7", error: null, memoryBytes: 0, isSpent: false } as const;

describe("a pool of children", () => {
  test("gives each child one call at a time", async () => {
    const { pool, children } = await startPool(2);
    const results = [pool.run(createCall()), pool.run(createCall())];
    for (const child of children) {
      expect(child.heard.map(({ kind }) => kind)).toEqual(["run"]);
      child.say(ENDED);
    }
    await expect(Promise.all(results)).resolves.toEqual([7, 7]);
    await pool.stop();
  });

  test("tells which child runs which task", async () => {
    const { pool, children } = await startPool(2);
    const result = pool.run(createCall());
    expect(pool.children).toEqual([
      { pid: 1, taskId: "1" },
      { pid: 2, taskId: null },
    ]);
    children[0]?.say(ENDED);
    await result;
    children[1]?.end("killed");
    await vi.waitFor(() => expect(pool.children).toEqual([{ pid: 1, taskId: null }]));
    await pool.stop();
  });

  test("fails the call of a child that dies, and starts another child", async () => {
    vi.useFakeTimers();
    const { pool, children } = await startPool(1);
    const result = pool.run(createCall());
    children[0]?.end("killed by SIGSEGV");
    await expect(result).rejects.toThrow("child 1, killed by SIGSEGV");
    expect(pool.capacity).toBe(0);
    await vi.advanceTimersByTimeAsync(250);
    children[1]?.say({ kind: "ready" });
    expect(pool.capacity).toBe(1);
    await pool.stop();
  });

  test("replaces a child that has died of its task at once", async () => {
    const { pool, children } = await startPool(1);
    for (let death = 0; death < 3; death++) {
      const result = pool.run(createCall());
      children[death]?.end("exit 3");
      await expect(result).rejects.toThrow(`child ${death + 1}, exit 3`);
      await vi.waitFor(() => expect(children).toHaveLength(death + 2));
      children[death + 1]?.say({ kind: "ready" });
    }
    await pool.stop();
  });

  test("replaces a child that is spent", async () => {
    const { pool, children } = await startPool(1);
    const result = pool.run(createCall());
    children[0]?.say({ ...ENDED, isSpent: true });
    await result;
    expect(children[0]?.heard.map(({ kind }) => kind)).toEqual(["run", "exit"]);
    await pool.stop();
  });

  test("replaces a child that has run its number of tasks", async () => {
    const { pool, children } = await startPool(1, { maxTasksPerChild: 1 });
    const result = pool.run(createCall());
    children[0]?.say(ENDED);
    await result;
    expect(children[0]?.heard.map(({ kind }) => kind)).toEqual(["run", "exit"]);
    expect(children).toHaveLength(2);
    await pool.stop();
  });

  test("replaces a child that holds more than it may", async () => {
    const { pool, children } = await startPool(1, { maxMemoryPerChildBytes: 1_000 });
    for (const memoryBytes of [1_000, 1_001]) {
      const result = pool.run(createCall());
      children[0]?.say({ ...ENDED, memoryBytes });
      await result;
    }
    expect(children[0]?.heard.map(({ kind }) => kind)).toEqual(["run", "run", "exit"]);
    expect(children).toHaveLength(2);
    await pool.stop();
  });

  test("ends the wait of a call that is overdue before a child is free", async () => {
    const { pool, children } = await startPool(1);
    const first = pool.run(createCall());
    const call = createCall();
    const second = pool.run(call);
    call.interruption.interrupt("cancelled", 0);
    await expect(second).resolves.toBeUndefined();
    children[0]?.say(ENDED);
    await first;
    expect(children[0]?.heard.map(({ kind }) => kind)).toEqual(["run"]);
    await pool.stop();
  });

  test("grows by children that count once they are ready, and goes on without one that is not", async () => {
    const { pool, children } = await startPool(1);
    pool.resize(3);
    expect([pool.size, pool.capacity, children.length]).toEqual([3, 1, 3]);
    const results = [1, 2].map(() => pool.run(createCall()));
    children[1]?.say({ kind: "ready" });
    await vi.waitFor(() => expect(pool.capacity).toBe(2));
    children[2]?.end("exit 1");
    for (const child of children.slice(0, 2)) {
      await vi.waitFor(() => expect(child.heard.map(({ kind }) => kind)).toEqual(["run"]));
      child.say(ENDED);
    }
    expect(await Promise.all(results)).toEqual([7, 7]);
    expect(pool.capacity).toBe(2);
    await pool.stop();
  });

  test("shrinks by children that have nothing to do, at once, and by busy ones when they have ended", async () => {
    const { pool, children } = await startPool(3);
    const kinds = (): readonly (readonly string[])[] =>
      children.map(({ heard }) => heard.map(({ kind }) => kind));
    const results = [pool.run(createCall()), pool.run(createCall())];
    pool.resize(1);
    expect([pool.size, pool.capacity]).toEqual([1, 1]);
    expect(kinds()).toEqual([["run"], ["run"], ["exit"]]);
    children[0]?.say(ENDED);
    await results[0];
    expect(kinds()).toEqual([["run", "exit"], ["run"], ["exit"]]);
    children[1]?.say(ENDED);
    expect(await Promise.all(results)).toEqual([7, 7]);
    expect(kinds()).toEqual([["run", "exit"], ["run"], ["exit"]]);
    expect(children).toHaveLength(3);
    await pool.stop();
  });

  test("starts no child when it is resized after its end", async () => {
    const { pool, children } = await startPool(1);
    await pool.stop();
    pool.resize(3);
    expect(children).toHaveLength(1);
  });

  test("rejects its start with what is wrong with a child", async () => {
    const { pool, children } = createPool(1);
    const started = pool.start(() => {});
    children[0]?.end("exit 1");
    await expect(started).rejects.toThrow("child 1 ended while it loaded file:///tasks.ts: exit 1");
  });
});
