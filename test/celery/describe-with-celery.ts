import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createTasks, currentTask, Retry, type Tasks } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { CeleryCaller, CeleryWorker } from "./celery-process.ts";

const UNICODE = ["é 🙂", null, true, 1.5, -3, { deep: ["", {}] }];

/** Where messages and results are, for each side in its own words. */
export interface CelerySite extends AsyncDisposable {
  readonly broker: string;
  readonly results: string;
}

/** Describes what callers and workers of both languages have in common, wherever their messages are. */
export function describeWithCelery(place: string, start: () => Promise<CelerySite>): void {
  describe(`on ${place}`, () => {
    let site: CelerySite;
    let tasks: Tasks;
    let celery: CeleryWorker;
    let caller: CeleryCaller;
    const seen: unknown[] = [];

    beforeAll(async () => {
      site = await start();
      const { broker, results } = site;
      caller = CeleryCaller.start({ broker, results });
      celery = await CeleryWorker.start({ broker, results }, { queue: "python" });
      tasks = createTasks({ broker, results });
      tasks.task("ts.echo", (...args: readonly unknown[]) => ({ args }));
      tasks.task("ts.fail", (text: string) => {
        throw new RangeError(text);
      });
      tasks.task("ts.flaky", (times: number) => {
        const { retries } = currentTask();
        if (retries < times) throw new Retry({ countdownMs: 10, cause: new Error("not yet") });
        return retries;
      });
      tasks.task("ts.slow", async () => {
        const { id, signal } = currentTask();
        seen.push(id);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        throw signal.reason;
      });
      await tasks.createWorker().start();
    });

    afterAll(async () => {
      await caller[Symbol.asyncDispose]();
      await celery[Symbol.asyncDispose]();
      await tasks.close();
      await site[Symbol.asyncDispose]();
    });

    describe("a Python caller and our worker", () => {
      test("have a call and its result in common", async () => {
        const id = await caller.send("ts.echo", UNICODE);
        expect(await caller.get(id)).toEqual({ args: UNICODE });
      });

      test("have the kind and the text of an error in common", async () => {
        const id = await caller.send("ts.fail", ["é went wrong"]);
        await expect(caller.get(id)).rejects.toThrow("ValueError: é went wrong");
      });

      test("have retries in common", async () => {
        expect(await caller.get(await caller.send("ts.flaky", [2]))).toBe(2);
      });

      test("tell of a task that nobody knows", async () => {
        const id = await caller.send("ts.unknown");
        await expect(caller.get(id)).rejects.toThrow("celery.exceptions.NotRegistered");
      });

      test("wait for a countdown", async () => {
        const before = Date.now();
        const id = await caller.send("ts.echo", [1], { countdown: 0.5 });
        expect(await caller.get(id)).toEqual({ args: [1] });
        expect(Date.now() - before).toBeGreaterThanOrEqual(480);
      });

      test("revoke what has expired", async () => {
        const id = await caller.send("ts.echo", [1], { countdown: 0.3, expires_in: 0.1 });
        await expect(caller.get(id)).rejects.toThrow("TaskRevokedError: expired");
      });

      test("end a task that runs when Python terminates it", async () => {
        const id = await caller.send("ts.slow");
        await eventually(() => seen.includes(id));
        await caller.revoke(id, true);
        await expect(caller.get(id)).rejects.toThrow("TaskRevokedError: terminated");
      });

      test("revoke a task that waits for its time", async () => {
        let countdown = 0.25;
        // On a busy machine its time may come before it is revoked.
        const revoked = async (): Promise<unknown> => {
          const id = await caller.send("ts.echo", [1], { countdown: (countdown *= 2) });
          await caller.revoke(id);
          return await caller.get(id).catch(String);
        };
        await expect.poll(revoked).toContain("TaskRevokedError: revoked");
      });
    });

    describe("our caller and a Python worker", () => {
      const queue = "python";

      test("have a call and its result in common", async () => {
        const kwargs = { name: "é 🙂" };
        const sent = await tasks.sendTask("py.echo", UNICODE, { queue, kwargs });
        expect(await sent.get({ timeoutMs: 30_000 })).toEqual({ args: UNICODE, kwargs });
      });

      test("have the kind and the text of an error in common", async () => {
        const sent = await tasks.sendTask("py.fail", ["é went wrong"], { queue });
        await expect(sent.get({ timeoutMs: 30_000 })).rejects.toMatchObject({
          code: "TASK_FAILED",
          cause: { type: "ValueError", message: "é went wrong" },
        });
      });

      test("have retries in common", async () => {
        const sent = await tasks.sendTask("py.flaky", [1], { queue });
        expect(await sent.get({ timeoutMs: 30_000 })).toBe(1);
      });

      test("wait for a countdown", async () => {
        const before = Date.now();
        const sent = await tasks.sendTask("py.echo", [1], { queue, countdownMs: 500 });
        await sent.get({ timeoutMs: 30_000 });
        expect(Date.now() - before).toBeGreaterThanOrEqual(500);
      });

      test("end a task that runs when it is cancelled here", async () => {
        const sent = await tasks.sendTask("py.slow", [30], { queue });
        // The worker takes it off the list; then the pool has it.
        const next = await tasks.sendTask("py.echo", [], { queue });
        await eventually(async () => {
          await sent.cancel();
          return (await next.record()).state === "SUCCESS";
        });
        await expect.poll(() => sent.state()).toBe("REVOKED");
      });
    });
  });
}
