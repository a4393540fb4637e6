import { expect, test } from "vitest";

import { createTasks, Signature } from "../../src/tasks/index.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { OwnWorker } from "./own-worker.ts";

function workflow(kind: "chain" | "chord", kwargs: Readonly<Record<string, unknown>>): Signature {
  return new Signature({ task: `celery.${kind}`, kind, kwargs });
}

const add = (n: number): object => new Signature({ task: "shared.add", args: [n] }).toJSON();
const sum = (id: string): object =>
  new Signature({ task: "shared.sum", options: { task_id: id } }).toJSON();

test("workers that are killed again and again lose no step of a chain, and no member of a chord", async () => {
  await using server = await RedisServer.start();
  const place = { broker: server.url, results: server.url };
  await using tasks = createTasks(place);
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
  const results = Promise.all(
    [...expected.keys()].map((id) => tasks.result(id).get({ timeoutMs: 100_000 })),
  );
  // All of them together have fewer runs than it takes: none is left without work.
  for (let kills = 0; kills < 5; kills++) {
    await using victim = await OwnWorker.start(place, 5 + Math.floor(Math.random() * 10));
    await victim.ended();
  }
  await using survivor = await OwnWorker.start(place);
  expect(await results).toEqual([...expected.values()]);
  await survivor.kill();
}, 120_000);
