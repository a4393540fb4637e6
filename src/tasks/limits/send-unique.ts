import { setTimeout as delay } from "node:timers/promises";

import type { ResultStore } from "../results/result-store.ts";
import { isFinal } from "../states.ts";
import { findLimits, type LimitPlaces } from "./find-limits.ts";
import type { LimitStore } from "./limit-store.ts";
import type { UniqueCall } from "./unique-options.ts";

/** A call that is to be sent unless another stands for it. */
export interface UniqueSend {
  readonly id: string;
  readonly unique: UniqueCall;
  /** Gives it to the broker. */
  readonly send: () => Promise<void>;
}

/** So long a key is taken for a call that nobody has sent yet: then its sender is dead. */
const UNSENT_MS = 10_000;
/** How often to look whether another sender has sent its call. */
const LOOK_MS = 50;
/** Longer than the debounced task waits for its time, even in a long queue. */
const DEBOUNCE_TTL_MS = 86_400_000;

/**
 * Sends a call unless another of the same key stands for it; returns the id of the one that stands.
 *
 * A key is taken first, for a short while, and kept once the message is in the broker: who dies in
 * between frees it after 10 seconds, and nobody is told an id that was never sent. A debounced call is
 * sent first, and then put in the place of the one before it, which finds so when it becomes due.
 */
export async function sendUnique(places: LimitPlaces, call: UniqueSend): Promise<string> {
  const limits = findLimits(places);
  const { id, unique, send } = call;
  const { key, mode, ttlMs } = unique;
  if (!limits) {
    await send();
    return id;
  }
  if (mode === "debounce") {
    await send();
    await limits.replace({ key, id, ttlMs: ttlMs + DEBOUNCE_TTL_MS, firm: true });
    return id;
  }
  const other = await takeKey({ limits, results: places.results }, call);
  if (other !== null) return other;
  // Only who runs has the key.
  if (mode === "running") {
    await send();
    return id;
  }
  try {
    await send();
  } catch (error) {
    // The error to be told is that of the broker.
    await limits.unclaim(key, id).catch(() => {});
    throw error;
  }
  await limits.keep({ key, id, ttlMs, firm: true });
  return id;
}

interface KeyPlaces {
  readonly limits: LimitStore;
  readonly results: ResultStore;
}

/** Takes the key for a call, or returns the id of the one that has it. */
async function takeKey(
  { limits, results }: KeyPlaces,
  { id, unique: { key, mode } }: UniqueSend,
): Promise<string | null> {
  for (;;) {
    const holder =
      mode === "running"
        ? await limits.holder(key)
        : await limits.claim({ key, id, ttlMs: UNSENT_MS, firm: false });
    if (holder === null || holder.id === id) return null;
    if (holder.firm) {
      // Whoever ended has no use for its key: its worker died before it could give it back.
      if (mode === "throttle" || !(await hasEnded(results, holder.id))) return holder.id;
      await limits.unclaim(key, holder.id);
    } else await delay(LOOK_MS);
  }
}

async function hasEnded(results: ResultStore, id: string): Promise<boolean> {
  const record = await results.get(id);
  return record !== null && isFinal(record.state);
}
