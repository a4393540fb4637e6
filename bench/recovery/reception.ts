import type { NumberedMessage } from "./message.ts";

/** What one client has received, and how it came through being cut off. */
export class Reception {
  readonly #seen = new Set<number>();
  readonly #replays: number[] = [];
  #last = 0;
  #backAt: number | undefined;
  #lastAt: number | undefined;
  /** Messages that came again, or after a later one. */
  repeated = 0;
  disordered = 0;
  /** The longest time without any message, from the first one on. */
  longestSilenceMs = 0;

  /** How many different messages have come. */
  get received(): number {
    return this.#seen.size;
  }

  /** For each time that it came back: how long until it had what was sent before that, in milliseconds. */
  get replays(): readonly number[] {
    return this.#replays;
  }

  take({ n, at }: NumberedMessage): void {
    if (n === 0) return;
    const now = Date.now();
    if (this.#lastAt !== undefined) {
      this.longestSilenceMs = Math.max(this.longestSilenceMs, now - this.#lastAt);
    }
    this.#lastAt = now;
    if (this.#seen.has(n)) this.repeated += 1;
    else if (n < this.#last) this.disordered += 1;
    this.#seen.add(n);
    this.#last = Math.max(this.#last, n);
    if (this.#backAt !== undefined && at < this.#backAt) {
      this.#replays[this.#replays.length - 1] = now - this.#backAt;
    }
  }

  /** Notes that it begins to connect again now. */
  comeBack(): void {
    this.#backAt = Date.now();
    this.#replays.push(0);
  }
}
