import { setTimeout as wait } from "node:timers/promises";

import { feed, forward } from "tidings";

import { app } from "./app.ts";
import { database } from "./database.ts";

/** One beat: what happened when, and, unless it is the state that newcomers begin with, which it was. */
export interface Pulse {
  readonly beat: number | null;
  readonly at: number;
}

const BEAT_MS = 1_000;

// The database counts, so that no number is given twice: not after a restart, not by another process.
const count = database.prepare(
  "UPDATE pulse SET beat = beat + 1, at = :now WHERE at <= :now - :rest RETURNING beat",
);
const running = new WeakSet<AbortSignal>();

/** A numbered beat every second, with a history: who was away gets what was missed, each beat once. */
export const pulse = feed({
  path: "/pulse",
  group: "pulse",
  history: true,
  // A newcomer has no use for the past; the history has it for those who come back.
  keep: 5,
  snapshot({ signal }): Pulse {
    if (!running.has(signal)) void beatUntil(signal);
    return { beat: null, at: Date.now() };
  },
  on: { beat: forward(({ beat: number, at }) => ({ beat: number, at })) },
});

/** Beats while somebody in this process follows, unless another process has just done so. */
async function beatUntil(signal: AbortSignal): Promise<void> {
  running.add(signal);
  while (!signal.aborted) {
    await wait(BEAT_MS, undefined, { signal }).catch(() => {});
    if (!signal.aborted) await beat(Date.now()).catch(reportError);
  }
}

async function beat(now: number): Promise<void> {
  const row = count.get({ now, rest: BEAT_MS - 100 });
  if (!row) return;
  const message = { type: "beat", beat: Number(row["beat"]), at: now };
  await app.groupSend("pulse", message, { history: true });
}

function reportError(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
