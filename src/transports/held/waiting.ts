/** Somebody's waiting for a frame. */
export class Waiting {
  readonly #woken = Promise.withResolvers<void>();

  readonly wake = (): void => this.#woken.resolve();

  /** Settles when it is woken, after the time, or when the signal fires. */
  async over(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return;
    const timer = waitMs === Infinity ? undefined : setTimeout(this.wake, waitMs);
    signal?.addEventListener("abort", this.wake, { once: true });
    await this.#woken.promise;
    clearTimeout(timer);
    signal?.removeEventListener("abort", this.wake);
  }
}
