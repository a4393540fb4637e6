import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createTasks, Signature } from "../../src/tasks/index.ts";
import { RedisServer } from "../redis/redis-server.ts";

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});

afterAll(() => server[Symbol.asyncDispose]());

async function startWorker(): Promise<ChildProcess> {
  const main = fileURLToPath(new URL("worker-main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=tidings-source", main, server.url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout) await once(child.stdout, "data");
  return child;
}

function workflow(kind: "chain" | "chord", kwargs: Readonly<Record<string, unknown>>): Signature {
  return new Signature({ task: `celery.${kind}`, kind, kwargs });
}

const add = (n: number): object => new Signature({ task: "shared.add", args: [n] }).toJSON();
const sum = (id: string): object =>
  new Signature({ task: "shared.sum", options: { task_id: id } }).toJSON();

test("workers that are killed again and again lose no step of a chain, and no member of a chord", async () => {
  await using tasks = createTasks({ broker: server.url, results: server.url });
  const expected = new Map<string, number>();
  for (let n = 0; n < 10; n++) {
    const last = new Signature({
      task: "shared.add",
      args: [1],
      options: { task_id: `chain-${n}` },
    });
    const chain = workflow("chain", { tasks: [add(1), add(1), add(1), last.toJSON()] });
    const header = [
      add(1),
      add(2),
      workflow("chain", { tasks: [add(1), add(2)] }).toJSON(),
      add(4),
    ];
    const chord = workflow("chord", { kwargs: {}, header, body: sum(`chord-${n}`) });
    await tasks.sendTask("shared.add", [n], { link: [chain, chord] });
    expected.set(`chain-${n}`, n + 4).set(`chord-${n}`, 4 * n + 10);
  }
  let isOver = false;
  const results = Promise.all(
    [...expected.keys()].map((id) => tasks.result(id).get({ timeoutMs: 40_000 })),
  ).finally(() => (isOver = true));
  let kills = 0;
  while (!isOver && kills < 5) {
    const worker = await startWorker();
    // Somewhere in the middle: the moment is left to chance.
    await delay(100 + Math.random() * 150);
    worker.kill("SIGKILL");
    kills++;
  }
  const survivor = await startWorker();
  expect(await results).toEqual([...expected.values()]);
  expect(kills).toBeGreaterThan(2);
  survivor.kill("SIGKILL");
});
