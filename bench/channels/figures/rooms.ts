import type { Figure } from "../../figure.ts";
import type { Setting } from "../setting.ts";
import { measureThroughput, type Side } from "../throughput.ts";

const ROOMS = 1_000;
const SIZE = 5;
/** One message under way in each room: a member gets them one by one, so there is nothing to coalesce. */
const WINDOW = 1;
const FLOOR = 1.5;

/** Many small groups: what each message costs before it is sent counts as much as sending it. */
export async function measureRooms(setting: Setting): Promise<readonly Figure[]> {
  const sides: Side[] = [
    { peer: await setting.start("tidings") },
    { peer: await setting.start("socket.io") },
    { peer: await setting.start("ws") },
  ];
  return await measureThroughput({
    name: "1,000 rooms of 5, 1 under way in each, deliveries per second",
    load: setting.load,
    sides,
    rooms: ROOMS,
    size: SIZE,
    window: WINDOW,
    floors: { "socket.io": FLOOR },
    rounds: setting.rounds(7),
  });
}
