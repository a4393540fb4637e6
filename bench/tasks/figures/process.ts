import { compare, inTurns, type Floors } from "../../comparison.ts";
import type { Figure } from "../../figure.ts";
import type { Arena } from "../arena.ts";
import type { ContenderName } from "../contender.ts";
import type { Setting } from "../setting.ts";

const COUNTS: Readonly<Record<ContenderName, number>> = {
  tidings: 20_000,
  bullmq: 20_000,
  celery: 2_000,
};

/** No-op tasks that lie in Redis, until the outcome of each is stored. */
export async function measureProcess(
  setting: Setting,
  concurrency: number,
  floors: Floors = {},
): Promise<readonly Figure[]> {
  const sides = await setting.open(["tidings", "bullmq", "celery"]);
  const rates = await inTurns(sides, setting.rounds, (side) => measure(side, concurrency));
  return compare({
    name: `Redis: processed by a worker of ${concurrency}, per second`,
    measured: sides.map((side, index) => ({ name: side.name, values: rates[index] ?? [] })),
    floors,
  });
}

async function measure(side: Arena, concurrency: number): Promise<number> {
  const count = COUNTS[side.name];
  await side.clear();
  await side.sender.ask({ do: "send-many", count });
  await using _ = await side.startWorker(concurrency);
  return await side.measureProcessing(count);
}
