import { setTimeout as delay } from "node:timers/promises";

import type { Crew } from "./crew.ts";
import { now } from "./history.ts";
import type { Journal } from "./journal.ts";
import type { Place, PlaceFault } from "./places/place.ts";
import { Random } from "./random.ts";
import { LEASE_MS } from "./settings.ts";

/** What is tormented. */
export interface Victims {
  readonly place: Place;
  readonly workers: Crew;
  readonly producers: Crew;
  readonly journal: Journal;
}

/**
 * Lets faults follow each other until the time is over; returns how often each came.
 *
 * Processes and broker suffer independently, so that one fault meets another. Which faults, in which
 * order, and how long they last, is the seed's choice.
 */
export async function torment(
  victims: Victims,
  random: Random,
  until: number,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  await Promise.all(
    [listProcessFaults(victims), listPlaceFaults(victims)].map(async (faults) => {
      const own = new Random(random.between(1, 1_000_000));
      while (now() < until) {
        const { name, run } = own.pick(faults);
        await run(own);
        counts.set(name, (counts.get(name) ?? 0) + 1);
        await delay(own.between(200, 2_500));
      }
    }),
  );
  return counts;
}

type Faults = readonly [PlaceFault, ...PlaceFault[]];

function listProcessFaults({ workers, producers }: Victims): Faults {
  return [
    { name: "worker killed", run: (random) => workers.kill(random) },
    {
      name: "worker suspended",
      run: (random) => workers.suspend(random, random.between(500, 2 * LEASE_MS)),
    },
    { name: "worker replaced", run: (random) => workers.replace(random) },
    { name: "producer killed", run: (random) => producers.kill(random) },
  ];
}

function listPlaceFaults({ place, journal }: Victims): Faults {
  const [first, ...others] = place.faults.map(({ name, run }) => ({
    name,
    run: async (random: Random) => {
      const from = now();
      await run(random);
      journal.write({ kind: "unreachable", until: now() + RECOVERY_MS }, from);
    },
  }));
  if (!first) throw new Error(`nothing can happen to ${place.name}`);
  return [first, ...others];
}

/** Whoever was cut off needs a moment until it is back. */
const RECOVERY_MS = 2_000;
