import { compare, inTurns } from "../../comparison.ts";
import type { Figure } from "../../figure.ts";
import type { ClientCrowd } from "../load-generator.ts";
import type { Setting } from "../setting.ts";

const MEMBERS = 1_000;
/** 20,000 deliveries per second; the next message is due long after everybody has the last. */
const INTERVAL_MS = 50;
const MESSAGES = 40;
/** As soon as with `ws`. */
const FLOOR = 1;

/** How long a message takes to each of its members at a moderate rate, where nothing coalesces. */
export async function measureLatency(setting: Setting): Promise<readonly Figure[]> {
  const crowds: ClientCrowd[] = [];
  for (const name of ["tidings", "ws", "socket.io"] as const) {
    const crowd = await setting.load.open(await setting.start(name), { rooms: 1, size: MEMBERS });
    await crowd.verify();
    for (let round = 0; round < 3; round++) await crowd.run({ messages: 100, window: 1 });
    await crowd.time(MESSAGES, INTERVAL_MS);
    crowds.push(crowd);
  }
  const results = await inTurns(
    crowds,
    setting.rounds(7),
    async (crowd) => await crowd.time(MESSAGES, INTERVAL_MS),
  );
  return (["p50", "p99"] as const).flatMap((percentile) =>
    compare({
      name: `latency at 20,000 deliveries per second to 1,000, ${percentile}, milliseconds`,
      measured: crowds.map(({ peer }, index) => ({
        name: peer.name,
        values: (results[index] ?? []).map((result) => result[percentile]),
      })),
      floors: { ws: FLOOR },
      isCost: true,
    }),
  );
}
