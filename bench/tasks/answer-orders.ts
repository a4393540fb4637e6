import { createInterface } from "node:readline";

import type { Order } from "./orders.ts";

/** Carries out what comes on standard input, one order after another. */
export async function answerOrders(carryOut: (order: Order) => Promise<unknown>): Promise<void> {
  // Whoever gives the orders is gone, perhaps in the middle of one.
  process.stdin.once("end", () => process.exit());
  for await (const line of createInterface({ input: process.stdin })) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what contender.ts writes
    const answer = await carryOut(JSON.parse(line) as Order);
    process.stdout.write(`${JSON.stringify(answer ?? null)}\n`);
  }
}

/** Bytes resident after a collection; needs `--expose-gc`. */
export function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
