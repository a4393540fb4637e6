/** So many runs at the same time. */
export interface SlotLimit {
  readonly kind: "slots";
  readonly key: string;
  readonly slots: number;
}

/** So many runs in so much time. */
export interface RateLimit {
  readonly kind: "rate";
  readonly key: string;
  readonly count: number;
  readonly perMs: number;
}

/** What a run must get past. */
export type Limit = SlotLimit | RateLimit;

/** A task that was taken and wants to run. */
export interface Entrant {
  readonly id: string;
  /** Where its message waits when it may not. */
  readonly queue: string;
  /** Who runs it: unlike any other run's, of this task too. */
  readonly holder: string;
  readonly limits: readonly Limit[];
  /** How long its slots hold unless they are renewed, in milliseconds. */
  readonly leaseMs: number;
  /** After how long it looks again at the latest, as far as `LOOKS_PER_SECOND` allows. */
  readonly lookMs: number;
}

/** Why a run may not begin. */
export interface Refusal {
  /** The limit that refused it. */
  readonly limit: Limit;
  /** After how many milliseconds to ask again. */
  readonly waitMs: number;
}

/** A slot that a run has. */
export interface HeldSlot {
  readonly key: string;
  readonly holder: string;
}

/** A task that waits in the broker for its turn. */
export interface WaitingTask {
  readonly id: string;
  readonly queue: string;
}

/** A task that stands for all calls of one key. */
export interface Claim {
  readonly key: string;
  readonly id: string;
  readonly ttlMs: number;
  /** Whether its message has been published. Until then others cannot rely on it. */
  readonly firm: boolean;
}

/** Who has a key. */
export interface KeyHolder {
  readonly id: string;
  readonly firm: boolean;
}

/**
 * What counts runs and calls for all workers and callers together.
 *
 * `src/testing/cases/limits.ts` checks each sentence against every driver.
 *
 * - `admit` MUST let a run past all of its limits, or past none.
 * - A key MUST never have more holders than `slots`. A slot MUST hold for `leaseMs` after `admit` or the
 *   last `renew`, by the clock of the store and nobody else's; then it is free. A second run of a task
 *   needs a slot of its own.
 * - Whoever has lost a slot MUST be told by `renew`; its `release` then frees nothing.
 * - In any stretch of time, no more runs MUST be admitted than the rate allows in it, one more, and
 *   those of its slack ({@link import("./turns.ts").slackMs}).
 * - Those who wait MUST be admitted in the order in which they first asked; whoever does not come when it
 *   is their turn is passed over after `HEAD_START_MS`. Of one key, `MAX_LINE` are known in their order.
 * - Whoever waits for longer than `lookMs` MUST be asked back earlier, to notice changes; all of them
 *   together `LOOKS_PER_SECOND` times a second.
 * - `release` and `reclaim` MUST return who may come in, so that it need not wait for its time. When those
 *   do not come within `CALL_MS`, `reclaim` MUST return those after them.
 * - `wait` MUST do the same for a slot that became free while the message of a task was put back, and keep
 *   the place of that task, or give it one if it was passed over meanwhile.
 * - `claim` MUST give a key to one task, and return who has it. `replace` MUST give it to another, and
 *   return who had it. A claim ends with its time.
 * - `keep` MUST make a claim firm and last longer, and `unclaim` end it, and do nothing when another task
 *   has the key, or none.
 */
export interface LimitStore {
  /** Admits a run, or says why not. */
  admit(entrant: Entrant): Promise<Refusal | null>;
  /** Notes that a task waits in the broker now; returns who may come in. */
  wait(task: WaitingTask, key: string): Promise<readonly WaitingTask[]>;
  /** Extends slots; returns those that are lost. */
  renew(slots: readonly HeldSlot[], leaseMs: number): Promise<readonly HeldSlot[]>;
  /** Frees slots; returns who may come in. */
  release(slots: readonly HeldSlot[]): Promise<readonly WaitingTask[]>;
  /** Frees the slots of workers that died; returns who may come in. */
  reclaim(): Promise<readonly WaitingTask[]>;
  /** Takes a key if it is free; returns who has it. */
  claim(claim: Claim): Promise<KeyHolder>;
  /** Goes on having a key. */
  keep(claim: Claim): Promise<void>;
  /** Takes a key, whoever has it; returns who had it. */
  replace(claim: Claim): Promise<string | null>;
  /** Who has a key. */
  holder(key: string): Promise<KeyHolder | null>;
  /** Gives a key back. */
  unclaim(key: string, id: string): Promise<void>;
}

/** How long a turn is kept for the task that is next, in milliseconds. */
export const HEAD_START_MS = 100;

/** How long those who may come in are waited for before others are called, in milliseconds. */
export const CALL_MS = 1_000;

/** So many more are called when those who were called have not come. */
export const CALL_MORE = 10;

/** So many of those who wait for one key are known in their order. */
export const MAX_LINE = 10_000;

/** How often those who wait look again, all together. */
export const LOOKS_PER_SECOND = 20;

/** Who waits for a key is forgotten when nobody has asked for it for so long. */
export const FORGET_MS = 3_600_000;
