/** Only what may still be missing somewhere is kept. */
const MAX_HAPPENED = 100;

/**
 * How far behind each of several followers of one feed is.
 *
 * What one of them has seen has happened; who has not seen it yet is behind since then.
 */
export class Lag {
  readonly #seen = new Map<string, number>();
  #happened: number[] = [];

  /** Notes that a follower has seen what happened at a moment. */
  see(follower: string, happenedAt: number): void {
    this.#seen.set(follower, Math.max(happenedAt, this.#seen.get(follower) ?? 0));
    if (happenedAt <= (this.#happened.at(-1) ?? 0)) return;
    this.#happened = [...this.#happened, happenedAt].slice(-MAX_HAPPENED);
  }

  /** How long ago the first thing happened that a follower has not seen; 0 when it has seen all. */
  behindMs(follower: string, now: number): number {
    const seen = this.#seen.get(follower);
    if (seen === undefined) return 0;
    const missed = this.#happened.find((at) => at > seen);
    return missed === undefined ? 0 : Math.max(0, now - missed);
  }
}
