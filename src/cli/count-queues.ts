import type { QueueContents, QueueCount } from "../tasks/index.ts";
import { printTable } from "./print-table.ts";

/** A queue, and how many messages are in it. */
export interface CountedQueue extends QueueCount {
  readonly name: string;
}

/** Counts queues, one after the other. */
export async function countQueues(
  contents: QueueContents,
  names: readonly string[],
): Promise<readonly CountedQueue[]> {
  const counted: CountedQueue[] = [];
  for (const name of names) counted.push({ name, ...(await contents.count(name)) });
  return counted;
}

/** Prints queues with their counts, under the names that JSON has; what the broker cannot tell is a dash. */
export async function printQueues(queues: readonly CountedQueue[]): Promise<void> {
  await printTable(
    ["QUEUE", "WAITING", "DELAYED", "TAKEN"],
    queues.map(({ name, waiting, delayed, taken }) => [
      name,
      ...[waiting, delayed, taken].map(toCell),
    ]),
    { whole: ["QUEUE"] },
  );
}

function toCell(count: number | null): string {
  return count === null ? "-" : String(count);
}
