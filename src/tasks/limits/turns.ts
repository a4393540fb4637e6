import { HEAD_START_MS, LOOKS_PER_SECOND } from "./limit-store.ts";

/** Whether it is a task's turn. */
export interface Turn {
  /** How long to wait; 0 when it is its turn, `null` when nobody knows. */
  readonly waitMs: number | null;
  /** How many who were before it and did not come lose their places. */
  readonly passedOver: number;
  /** Of a rate, when the next run is due after this answer. */
  readonly nextAt: number;
}

/** What is known of a rate when a task asks. */
export interface RateState {
  readonly count: number;
  readonly perMs: number;
  /** When the next run is due. */
  readonly nextAt: number;
  /** How many wait before it. */
  readonly rank: number;
  readonly now: number;
  /** How long a turn is kept for who is next. @default HEAD_START_MS */
  readonly headStartMs?: number | undefined;
}

/** What is known of slots when a task asks. */
export interface SlotState {
  readonly free: number;
  /** When a slot became free last. */
  readonly freedAt: number;
  /** How many wait before it. */
  readonly rank: number;
  readonly now: number;
}

/** How late a run may be without slowing down those after it: so much of a rate can be made up for. */
export function slackMs({ count, perMs }: Pick<RateState, "count" | "perMs">): number {
  return Math.min(Math.max(perMs / count / 2, 20), 100);
}

/** A bucket of tokens, seen as the time at which the next one is due. */
export function rateTurn(state: RateState): Turn {
  const { count, perMs, rank, now, headStartMs = HEAD_START_MS } = state;
  const intervalMs = perMs / count;
  // It is never further away, unless the rate has been changed, or the clock.
  const dueAt = Math.min(state.nextAt, now + intervalMs);
  const start = Math.max(dueAt, now - slackMs(state));
  const tokens = start > now ? 0 : Math.floor((now - start) / intervalMs) + 1;
  const nextAt = start + intervalMs;
  if (tokens > rank) return { waitMs: 0, passedOver: 0, nextAt };
  if (tokens > 0 && now - dueAt >= headStartMs) return { waitMs: 0, passedOver: tokens, nextAt };
  const waitMs = Math.max(Math.ceil(start + rank * intervalMs - now), 1);
  return { waitMs, passedOver: 0, nextAt: dueAt };
}

const OPEN = { waitMs: 0, nextAt: 0 } as const;

/** Whether one of the free slots is this task's. */
export function slotTurn({ free, freedAt, rank, now }: SlotState): Turn {
  if (free > rank) return { ...OPEN, passedOver: 0 };
  if (free <= 0) return { waitMs: null, passedOver: 0, nextAt: 0 };
  const waitMs = Math.max(Math.ceil(freedAt + HEAD_START_MS - now), 0);
  return { waitMs, passedOver: waitMs === 0 ? free : 0, nextAt: 0 };
}

/** Looks of all who wait, one after another: when the next one is, and when the one after it may be. */
export function nextLook(
  lookAt: number,
  earliest: number,
  perSecond: number = LOOKS_PER_SECOND,
): { readonly at: number; readonly next: number } {
  const at = Math.max(lookAt, earliest);
  return { at, next: at + 1_000 / perSecond };
}
