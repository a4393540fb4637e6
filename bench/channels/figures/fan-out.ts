import type { Figure } from "../../figure.ts";
import type { Setting } from "../setting.ts";
import { measureThroughput, type Side } from "../throughput.ts";

/** Under way at a time: a publisher that never waits, within what every server takes. */
const WINDOW = 50;
const FLOOR = 5;

/** One publisher that saturates the server, and many members of one group. */
export async function measureFanOut(setting: Setting, size: number): Promise<readonly Figure[]> {
  const sides: Side[] = [
    { peer: await setting.start("tidings") },
    { peer: await setting.start("socket.io") },
    { peer: await setting.start("ws") },
  ];
  return await measureThroughput({
    name: `fan-out to ${size.toLocaleString("en-US")}, ${WINDOW} under way, deliveries per second`,
    load: setting.load,
    sides,
    rooms: 1,
    size,
    window: WINDOW,
    floors: { "socket.io": FLOOR, ws: FLOOR },
    rounds: setting.rounds(7),
  });
}
