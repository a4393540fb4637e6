import { compare, inTurns, type Floors } from "../../comparison.ts";
import type { Figure } from "../../figure.ts";
import type { Order } from "../orders.ts";
import type { Setting } from "../setting.ts";

/** Ours and BullMQ's are measured with so many per round, Celery's with a part of them. */
const COUNT = 10_000;
const CELERY_SHARE = 0.1;

interface Way {
  readonly name: string;
  readonly order: (count: number) => Order;
  readonly floors: Floors;
}

const WAYS: readonly Way[] = [
  {
    name: "enqueued one after another, per second",
    order: (count) => ({ do: "send", count, window: 1 }),
    floors: { bullmq: 1.3 },
  },
  {
    name: "enqueued by 64 at once, per second",
    order: (count) => ({ do: "send", count, window: 64 }),
    floors: { bullmq: 1 },
  },
  {
    name: "enqueued in bulk, per second",
    order: (count) => ({ do: "send-many", count }),
    floors: {},
  },
];

/** Sending no-op tasks to Redis. Celery sends one after another, whatever it is asked. */
export async function measureEnqueue(setting: Setting): Promise<readonly Figure[]> {
  const sides = await setting.open(["tidings", "bullmq", "celery"]);
  const figures: Figure[] = [];
  for (const { name, order, floors } of WAYS) {
    const run = async (count: number): Promise<readonly (readonly number[])[]> =>
      await inTurns(sides, count, async (side) => {
        await side.clear();
        const share = side.name === "celery" ? CELERY_SHARE : 1;
        return Number(await side.sender.ask(order(COUNT * share)));
      });
    await run(1);
    const rates = await run(setting.rounds);
    const measured = sides.map((side, index) => ({ name: side.name, values: rates[index] ?? [] }));
    figures.push(...compare({ name: `Redis: ${name}`, measured, floors }));
  }
  return figures;
}
