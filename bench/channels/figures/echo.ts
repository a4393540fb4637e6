import type { Figure } from "../../figure.ts";
import type { Setting } from "../setting.ts";
import { measureThroughput, type Side } from "../throughput.ts";

const CLIENTS = 100;
const FLOOR = 1.2;

/** Clients that each send a message, wait for it to come back, and send the next. */
export async function measureEcho(setting: Setting): Promise<readonly Figure[]> {
  const sides: Side[] = [
    { peer: await setting.start("tidings") },
    { peer: await setting.start("socket.io") },
    { peer: await setting.start("ws") },
  ];
  return await measureThroughput({
    name: "echo to 100 clients, 1 under way for each, per second",
    load: setting.load,
    sides,
    rooms: CLIENTS,
    size: 1,
    isEcho: true,
    window: 1,
    floors: { "socket.io": FLOOR },
    rounds: setting.rounds(7),
  });
}
