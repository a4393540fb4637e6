import { hostname } from "node:os";
import { isDeepStrictEqual } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Tasks } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import type { CeleryCaller } from "./celery-process.ts";

/** Where a worker of Celery's works with the tasks of `celery_app.py`. */
export interface ControlSite {
  readonly tasks: Tasks;
  readonly caller: CeleryCaller;
}

const OURS = "control@here";
const THEIRS = `celery@${hostname()}`;

/** Describes that our worker answers commands as Celery's own does, and obeys them. */
export function describeControl(findSite: () => ControlSite): void {
  describe("a command of Celery's has our worker answer as its own does", () => {
    const resources = new AsyncDisposableStack();

    beforeAll(async () => {
      const { tasks } = findSite();
      tasks.task("py.add", (...numbers: readonly number[]) => numbers.length);
      const worker = resources.use(tasks.createWorker({ name: OURS, queues: ["controlled"] }));
      await worker.start();
      await eventually(async () => (await tasks.control.ask("ping", { timeoutMs: 200 })).has(OURS));
    });

    afterAll(() => resources.disposeAsync());

    /** What both workers answer. */
    async function answersTo(command: "inspect" | "control", ...words: readonly string[]) {
      // It waits no longer than until both have answered.
      const both = ["--timeout", "30", "-d", `${OURS},${THEIRS}`];
      const answers = await findSite().caller.command(command, ...both, ...words);
      const { [OURS]: ours, [THEIRS]: python } = answers;
      return { ours, python };
    }

    test.each([
      "rate_limit py.add 10/m",
      "rate_limit py.add 0",
      "rate_limit nosuch 1/s",
      "time_limit py.add 10 20",
      "time_limit nosuch 10 20",
      "cancel_consumer nosuch",
      "pool_grow 1",
      "pool_shrink 1",
      "autoscale 3 1",
      "pool_restart",
      "disable_events",
      "heartbeat",
      "revoke nobody-has-it",
      "terminate KILL nobody-runs-it",
    ])("%s", async (command) => {
      const { ours, python } = await answersTo("control", ...command.split(" "));
      expect(ours).toEqual(python);
      expect(ours).toBeDefined();
    });

    test("add_consumer, and takes from the queue at once", async () => {
      const { caller } = findSite();
      const { ours, python } = await answersTo("control", "add_consumer", "extra");
      expect(ours).toEqual({ ok: "add consumer extra" });
      expect(python).toEqual(ours);
      // Celery's worker gets round to it a moment later.
      await eventually(async () => {
        const queues = await answersTo("inspect", "active_queues");
        return isDeepStrictEqual(lastOf(queues.ours), lastOf(queues.python));
      });
      await caller.command("control", "-d", THEIRS, "cancel_consumer", "extra");
      const id = await caller.send("py.add", [1, 1, 1], { queue: "extra" });
      expect(await caller.get(id)).toBe(3);
    });

    test("stats, with all that Celery's tells but how its pool writes", async () => {
      const { ours, python } = await answersTo("inspect", "stats");
      expect(keysOf(python)).toContain("pool.processes.0");
      const same = (key: string) =>
        !/^(total\b|pool\.(writes|processes)\b|broker\.transport_options\..)/.test(key);
      expect(keysOf(ours)).toEqual(expect.arrayContaining(keysOf(python).filter(same)));
    });
  });
}

/** The last queue, but for what Celery was told of its priorities. */
function lastOf(queues: unknown): unknown {
  const last: unknown = Array.isArray(queues) ? queues.at(-1) : undefined;
  return { ...Object(last), queue_arguments: null, max_priority: null };
}

/** The names of all that is in a value, at any depth. */
function keysOf(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    key,
    ...keysOf(inner).map((name) => `${key}.${name}`),
  ]);
}
