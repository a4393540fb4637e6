import { median, type Figure } from "../../figure.ts";
import type { Arena } from "../arena.ts";
import type { Setting } from "../setting.ts";

const COUNT = 10_000;
const MAX_GROWTH_BYTES = 33_554_432;
/** At least this share of the rate into an empty queue. */
const FLOOR = 0.8;

/** What a million waiting tasks change: how fast more are sent, and how much memory a worker has. */
export async function measureBacklog(setting: Setting): Promise<readonly Figure[]> {
  const backlog = setting.isQuick ? 100_000 : 1_000_000;
  const sides = await setting.open(["tidings", "tidings"]);
  const [empty, full] = sides;
  if (!empty || !full) throw new Error("expected two");
  await full.sender.ask({ do: "send-many", count: backlog });
  const ratios: number[] = [];
  const rates: Record<"empty" | "full", number[]> = { empty: [], full: [] };
  // The first round warms up.
  for (let round = 0; round <= setting.rounds; round++) {
    await empty.clear();
    const pair = { empty: await measureRate(empty), full: await measureRate(full) };
    if (round === 0) continue;
    rates.empty.push(pair.empty);
    rates.full.push(pair.full);
    ratios.push(pair.full / pair.empty);
  }
  const label = `with ${backlog.toLocaleString("en-US")} tasks waiting`;
  const ratio = median(ratios);
  // Both do as much, since a process grows until it has been busy for a while.
  const worked = backlog / 10;
  await empty.clear();
  await empty.sender.ask({ do: "send-many", count: worked });
  const [first, last] = [await measureWorker(empty, worked), await measureWorker(full, worked)];
  return [
    {
      name: `Redis: enqueued by 64 at once ${label}, per second, beside an empty queue`,
      ours: median(rates.full),
      peer: median(rates.empty),
      ratio,
      floor: FLOOR,
      isMet: ratio >= FLOOR,
    },
    {
      name: `Redis: resident bytes of a worker ${label}, at most 32 MiB more, beside a tenth of them`,
      ours: last,
      peer: first,
      ratio: first / last,
      floor: first + MAX_GROWTH_BYTES,
      isMet: last <= first + MAX_GROWTH_BYTES,
    },
  ];
}

async function measureRate({ sender }: Arena): Promise<number> {
  return Number(await sender.ask({ do: "send", count: COUNT, window: 64 }));
}

/** After it has ended so many tasks. */
async function measureWorker(side: Arena, count: number): Promise<number> {
  await using worker = await side.startWorker(50);
  await side.measureProcessing(count);
  return Number(await worker.ask({ do: "memory" }));
}
