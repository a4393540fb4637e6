import { compare, inTurns } from "../../comparison.ts";
import type { Figure } from "../../figure.ts";
import type { Arena } from "../arena.ts";
import type { Setting } from "../setting.ts";
import { toTimes, type Times } from "../times.ts";

const COUNT = 1_000;
/** Until then V8 still compiles, on both sides: p99 is what that takes. */
const WARM_UP_ROUNDS = 15;
const MAX_P99_MS = 2;

/** A task is sent, and its result waited for, before the next one: through Redis, in two processes. */
export async function measureRoundTrip(setting: Setting): Promise<readonly Figure[]> {
  const sides = await setting.open(["tidings", "bullmq", "celery"]);
  for (const side of sides) setting.use(await side.startWorker(10));
  const run = (rounds: number): Promise<readonly (readonly Times[])[]> =>
    inTurns(sides, rounds, measure);
  await run(WARM_UP_ROUNDS);
  const times = await run(setting.rounds);
  const toMeasured = (pick: (times: Times) => number) =>
    sides.map(({ name }, index) => ({ name, values: (times[index] ?? []).map(pick) }));
  return [
    ...compare({
      name: "Redis: sent and its result there, p50, milliseconds",
      measured: toMeasured(({ p50 }) => p50),
      floors: { bullmq: 1 },
      isCost: true,
    }),
    ...compare({
      name: `Redis: sent and its result there, p99, milliseconds, at most ${MAX_P99_MS}`,
      measured: toMeasured(({ p99 }) => p99),
      isCost: true,
    }).map((figure) => ({ ...figure, floor: MAX_P99_MS, isMet: figure.ours <= MAX_P99_MS })),
  ];
}

async function measure({ sender }: Arena): Promise<Times> {
  return toTimes(await sender.ask({ do: "round-trips", count: COUNT }));
}
