import { assertPositiveInteger, invalidOption } from "../../core/options.ts";

/** How long sessions last. */
export interface SessionLifetimeOptions {
  /** How long one lasts without being used. @default 14 days */
  readonly idleMs?: number | undefined;
  /** How long one lasts at most. @default 90 days */
  readonly absoluteMs?: number | undefined;
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

const DAY_MS = 86_400_000;
const MAX_TOUCH_MS = 60_000;

/** When sessions end: some time after their last use, and some time after they began. */
export class SessionLifetime {
  readonly idleMs: number;
  readonly absoluteMs: number;
  /** An end is postponed by no less than this, so that not every use is a write. */
  readonly touchMs: number;
  readonly now: () => number;

  constructor({
    idleMs = 14 * DAY_MS,
    absoluteMs = 90 * DAY_MS,
    now = Date.now,
  }: SessionLifetimeOptions) {
    this.idleMs = assertPositiveInteger("idleMs", idleMs);
    this.absoluteMs = assertPositiveInteger("absoluteMs", absoluteMs);
    if (absoluteMs < idleMs) throw invalidOption("absoluteMs", `at least idleMs`, absoluteMs);
    this.touchMs = Math.min(MAX_TOUCH_MS, idleMs / 10);
    this.now = now;
  }

  /** When a session ends that is used now. */
  endOf(createdAt: number): number {
    return Math.min(this.now() + this.idleMs, createdAt + this.absoluteMs);
  }
}
