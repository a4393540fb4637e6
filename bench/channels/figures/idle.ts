import { compare } from "../../comparison.ts";
import { median, type Figure } from "../../figure.ts";
import { Peer, type PeerName } from "../peer.ts";
import type { Setting } from "../setting.ts";

/** These are there first, so that what a server needs once, and what it left free, is not counted. */
const BEFORE = 4_000;
const STEP = 3_000;
const STEPS = 3;
/**
 * The young generation stays small. It would grow by tens of megabytes while connections come, whoever
 * makes them, and keep them after a collection: they are no connection's, and hide what is.
 */
const FLAGS = ["--max-semi-space-size=1"];
const CEILING_BYTES = 8 * 1024;

/** What one more connection costs that is open, in a group, and silent; after a collection. */
export async function measureIdle(setting: Setting): Promise<readonly Figure[]> {
  const measured = [];
  for (const name of ["tidings", "ws", "socket.io"] as const) {
    const steps = await measureSteps(setting, name);
    const heap = Math.round(median(steps.map(({ heapBytes }) => heapBytes)));
    measured.push({
      name,
      values: steps.map(({ residentBytes }) => residentBytes),
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

async function measureSteps({ load }: Setting, name: PeerName): Promise<readonly PerConnection[]> {
  await using peer = await Peer.start(name, undefined, FLAGS);
  const crowds = [await load.open(peer, { rooms: 1, size: BEFORE })];
  const steps: PerConnection[] = [];
  let before = await peer.measureMemory();
  for (let step = 0; step < STEPS; step++) {
    crowds.push(await load.open(peer, { rooms: 1, size: STEP }));
    const after = await peer.measureMemory();
    steps.push({
      residentBytes: (after.rss - before.rss) / STEP,
      heapBytes: (after.heapUsed - before.heapUsed) / STEP,
    });
    before = after;
  }
  for (const crowd of crowds) await crowd.close();
  return steps;
}
