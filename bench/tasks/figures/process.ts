import { compare, inTurns, type Floors } from "../../comparison.ts";
import type { Figure } from "../../figure.ts";
import type { Arena, BrokerName } from "../arena.ts";
import type { ContenderName } from "../contender.ts";
import type { Setting } from "../setting.ts";

/** What is measured, and what has to be reached. */
interface Processing {
  readonly broker: BrokerName;
  readonly concurrency: number;
  /** How many tasks each contender has per round: about as many as it does in a second or two. */
  readonly counts: Readonly<Partial<Record<ContenderName, number>>>;
  readonly floors?: Floors | undefined;
}

/** On Redis, by a worker of 50. */
export const PROCESS_50: Processing = {
  broker: "redis",
  concurrency: 50,
  counts: { tidings: 30_000, bullmq: 30_000, celery: 2_000 },
  floors: { bullmq: 1.5, celery: 10 },
};

/** On Redis, one after another. */
export const PROCESS_1: Processing = {
  broker: "redis",
  concurrency: 1,
  counts: { tidings: 5_000, bullmq: 5_000, celery: 2_000 },
};

/** On RabbitMQ, by a worker of 50; outcomes are stored in Redis. */
export const PROCESS_RABBITMQ: Processing = {
  broker: "rabbitmq",
  concurrency: 50,
  counts: { tidings: 10_000, celery: 2_000 },
  floors: { celery: 5 },
};

const BROKERS: Readonly<Record<BrokerName, string>> = { redis: "Redis", rabbitmq: "RabbitMQ" };

/** No-op tasks that lie in the broker, until the outcome of each is stored. */
export async function measureProcess(
  setting: Setting,
  { broker, concurrency, counts, floors }: Processing,
): Promise<readonly Figure[]> {
  const names = (["tidings", "bullmq", "celery"] as const).filter((name) => name in counts);
  const sides = await setting.open(names, broker);
  const rates = await inTurns(sides, setting.rounds, (side) =>
    measure(side, counts[side.name] ?? 0, concurrency),
  );
  return compare({
    name: `${BROKERS[broker]}: processed by a worker of ${concurrency}, per second`,
    measured: sides.map((side, index) => ({ name: side.name, values: rates[index] ?? [] })),
    floors,
  });
}

async function measure(side: Arena, count: number, concurrency: number): Promise<number> {
  await side.clear();
  await side.sender.ask({ do: "send-many", count });
  await using _ = await side.startWorker(concurrency);
  return await side.measureProcessing(count);
}
