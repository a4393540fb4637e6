import { compare, inTurns } from "../../comparison.ts";
import { median, type Figure } from "../../figure.ts";
import type { Peer } from "../peer.ts";
import type { Setting } from "../setting.ts";

const CONNECTIONS = 2_000;
const FLOOR = 0.8;

/**
 * Handshakes: connections that are open and in their group, per second of the server's processor time.
 *
 * By the clock, the load generator would be measured as well: connecting costs a client's kernel about
 * as much as the whole handshake costs `ws`.
 */
export async function measureOpened(setting: Setting): Promise<readonly Figure[]> {
  const peers: Peer[] = [];
  for (const name of ["tidings", "ws", "socket.io"] as const) peers.push(await setting.start(name));
  const openAll = async (
    peer: Peer,
  ): Promise<{ readonly rate: number; readonly byClock: number }> => {
    const cpuBefore = peer.cpuMs;
    const crowd = await setting.load.open(peer, { rooms: 1, size: CONNECTIONS });
    const cpuMs = peer.cpuMs - cpuBefore;
    await crowd.verify(); // everybody is where they belong
    await crowd.close();
    await peer.rest(); // closing is not opening, and all servers share a core
    return { rate: (CONNECTIONS * 1000) / cpuMs, byClock: (CONNECTIONS * 1000) / crowd.openedMs };
  };
  await inTurns(peers, 3, openAll); // until the hot functions are compiled
  const results = await inTurns(peers, setting.rounds(9), openAll);
  const measured = peers.map(({ name }, index) => {
    const all = results[index] ?? [];
    const byClock = Math.round(median(all.map((each) => each.byClock)));
    return {
      name,
      values: all.map(({ rate }) => rate),
      note: `${byClock.toLocaleString("en-US")} by the clock`,
    };
  });
  const name = "opened and joined, per second of the server's processor time";
  return compare({ name, measured, floors: { ws: FLOOR } });
}
