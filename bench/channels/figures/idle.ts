import { median, type Figure } from "../../figure.ts";
import { compare } from "../comparison.ts";
import { Peer, type PeerName } from "../peer.ts";
import type { Setting } from "../setting.ts";

/** These are there first, so that what a server needs once is not counted. */
const BEFORE = 3_000;
const COUNTED = 6_000;
const CEILING_BYTES = 8 * 1024;

/** What one more connection costs that is open, in a group, and silent; after a collection. */
export async function measureIdle(setting: Setting): Promise<readonly Figure[]> {
  const names = ["tidings", "ws", "socket.io"] as const;
  const rounds = setting.isQuick ? 1 : 3;
  const measured = [];
  for (const name of names) {
    const all: PerConnection[] = [];
    for (let round = 0; round < rounds; round++) all.push(await measureOne(setting, name));
    const heap = Math.round(median(all.map((each) => each.heapBytes)));
    measured.push({
      name,
      values: all.map(({ residentBytes }) => residentBytes),
      note: `${heap} of them heap`,
    });
  }
  const name = `idle connection in a group, resident bytes, at most ${CEILING_BYTES}`;
  return compare({ name, measured, isCost: true }).map((figure) => ({
    ...figure,
    floor: CEILING_BYTES,
    isMet: figure.ours <= CEILING_BYTES,
  }));
}

interface PerConnection {
  readonly residentBytes: number;
  readonly heapBytes: number;
}

async function measureOne({ load }: Setting, name: PeerName): Promise<PerConnection> {
  await using peer = await Peer.start(name);
  const first = await load.open(peer, { rooms: 1, size: BEFORE });
  const before = await peer.measureMemory();
  const more = await load.open(peer, { rooms: 1, size: COUNTED });
  const after = await peer.measureMemory();
  await first.close();
  await more.close();
  return {
    residentBytes: (after.rss - before.rss) / COUNTED,
    heapBytes: (after.heapUsed - before.heapUsed) / COUNTED,
  };
}
