/** A clock that stands still until it is moved; for options called `now`. */
export class VirtualClock {
  #time: number;

  /** Starts at a time in milliseconds since 1970. */
  constructor(time = 1_000_000_000_000) {
    this.#time = time;
  }

  /** The time in milliseconds since 1970. A property, so that it can be handed on as it is. */
  readonly now = (): number => this.#time;

  /** Moves the clock on. */
  advance(byMs: number): void {
    this.#time += byMs;
  }
}
