/**
 * Wakes one waiter; calls that come while nobody waits are remembered as one.
 *
 * Bound: one remembered call.
 */
export class Wakeup {
  #pending = false;
  #resume: (() => void) | undefined;

  wake(): void {
    if (!this.#resume) {
      this.#pending = true;
      return;
    }
    this.#resume();
    this.#resume = undefined;
  }

  /** Waits until `wake` is called, or has been called since the last wait. */
  async wait(): Promise<void> {
    if (!this.#pending) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#resume = resolve;
      await promise;
    }
    this.#pending = false;
  }
}
