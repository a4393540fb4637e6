/** Clocks are adjusted by less, a little at a time. */
const MIN_JUMP_MS = 1_000;

/**
 * Notices when the clock is set forth, or the machine has slept: all at once, what others hold by the
 * clock seems to have run out, and they have had no chance to renew it.
 */
export class ClockJumps {
  /** The time between the clock and one that nobody sets, and that does not go on in a sleep. */
  #offset = Date.now() - performance.now();
  #isOverAt = -Infinity;

  /** Whether that was so short a time ago that others may not have renewed anything yet. */
  happenedWithin(ms: number): boolean {
    const now = performance.now();
    const offset = Date.now() - now;
    if (offset - this.#offset >= MIN_JUMP_MS) this.#isOverAt = now + ms;
    this.#offset = offset;
    return now < this.#isOverAt;
  }
}
