import { setTimeout as delay } from "node:timers/promises";

import type { Figure } from "../../figure.ts";
import type { Setting } from "../setting.ts";

/** After its start a worker compiles what it runs. */
const SETTLE_MS = 3_000;
const WINDOW_MS = 10_000;
/** A worker that is asked 20 times a second polls. */
const MAX_COMMANDS = 20;
const MAX_CPU_PERCENT = 1;

/** A worker with nothing to do: its processor time, and how often it asks Redis. */
export async function measureIdle(setting: Setting): Promise<readonly Figure[]> {
  const sides = await setting.open(["tidings", "bullmq", "celery"]);
  const costs = await Promise.all(
    sides.map(async (side) => {
      const worker = setting.use(await side.startWorker(10));
      await delay(SETTLE_MS);
      const before = { commands: await side.countCommands(), cpuMs: worker.cpuMs };
      await delay(WINDOW_MS);
      const commands = (await side.countCommands()) - before.commands;
      const cpuMs = worker.cpuMs - before.cpuMs;
      return { commands: commands / (WINDOW_MS / 1_000), cpu: (cpuMs / WINDOW_MS) * 100 };
    }),
  );
  const [ours, ...peers] = costs;
  if (!ours) throw new Error("expected ours first");
  return peers.flatMap((peer, index): readonly Figure[] => {
    const beside = index === 0 ? "BullMQ" : "Celery";
    return [
      {
        name: `Redis: an idle worker, percent of a processor, at most ${MAX_CPU_PERCENT}, beside ${beside}`,
        ours: ours.cpu,
        peer: peer.cpu,
        ratio: peer.cpu / ours.cpu,
        floor: MAX_CPU_PERCENT,
        isMet: ours.cpu <= MAX_CPU_PERCENT,
      },
      {
        name: `Redis: an idle worker, commands per second, at most ${MAX_COMMANDS}, beside ${beside}`,
        ours: ours.commands,
        peer: peer.commands,
        ratio: peer.commands / ours.commands,
        floor: MAX_COMMANDS,
        isMet: ours.commands <= MAX_COMMANDS,
      },
    ];
  });
}
