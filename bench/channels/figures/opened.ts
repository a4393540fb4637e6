import { median, type Figure } from "../../figure.ts";
import { compare, inTurns } from "../comparison.ts";
import type { Peer } from "../peer.ts";
import type { Setting } from "../setting.ts";

const CONNECTIONS = 2_000;
const FLOOR = 0.8;

/** Handshakes: connections that are open and in their group, per second. */
export async function measureOpened(setting: Setting): Promise<readonly Figure[]> {
  const peers: Peer[] = [];
  for (const name of ["tidings", "ws", "socket.io"] as const) peers.push(await setting.start(name));
  const openAll = async (peer: Peer): Promise<{ readonly rate: number; readonly busy: number }> => {
    const cpuBefore = peer.cpuMs;
    const crowd = await setting.load.open(peer, { rooms: 1, size: CONNECTIONS });
    const busy = (peer.cpuMs - cpuBefore) / crowd.openedMs;
    await crowd.verify(); // everybody is where they belong
    await crowd.close();
    return { rate: (CONNECTIONS * 1000) / crowd.openedMs, busy };
  };
  await inTurns(peers, 2, openAll); // until the hot functions are compiled
  const results = await inTurns(peers, setting.rounds(9), openAll);
  const measured = peers.map(({ name }, index) => {
    const all = results[index] ?? [];
    const busy = Math.round(median(all.map((each) => each.busy)) * 100);
    return { name, values: all.map(({ rate }) => rate), note: `busy ${busy} %` };
  });
  return compare({ name: "opened and joined per second", measured, floors: { ws: FLOOR } });
}
