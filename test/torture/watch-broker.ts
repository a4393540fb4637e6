import { setTimeout as delay } from "node:timers/promises";

import { createTasks } from "../../src/tasks/index.ts";
import { now } from "./history.ts";
import type { Journal } from "./journal.ts";
import type { Place } from "./places/place.ts";
import { BEAT_MS, STALL_MS } from "./settings.ts";

/**
 * Writes down when the broker itself was late with an answer, until it is aborted.
 *
 * A busy machine, or a slow disk, keeps it from its work: who cannot reach it cannot renew a lease.
 */
export async function watchBroker(
  place: Place,
  journal: Journal,
  signal: AbortSignal,
): Promise<void> {
  await using tasks = createTasks({ broker: place.directBroker, results: place.directResults });
  while (!signal.aborted) {
    const from = now();
    // It has just been killed: that is written down where it is done.
    await tasks.queues.count("celery").catch(() => undefined);
    const until = now();
    if (until - from > STALL_MS) journal.write({ kind: "unreachable", until }, from);
    await delay(BEAT_MS, undefined, { signal }).catch(() => undefined);
  }
}
