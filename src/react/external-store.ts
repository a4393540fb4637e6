/**
 * Something outside of React that runs for as long as components look at it.
 *
 * It starts with the first component and stops when the last one has been gone for a moment, so that strict
 * mode, which mounts twice, starts it once. The state is replaced as a whole at every change.
 */
export abstract class ExternalStore<TState> {
  readonly #listeners = new Set<() => void>();
  #state: TState;
  #isRunning = false;
  #stopTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(state: TState) {
    this.#state = state;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    clearTimeout(this.#stopTimer);
    if (!this.#isRunning) this.start();
    this.#isRunning = true;
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stopTimer = setTimeout(() => {
        this.#isRunning = false;
        this.stop();
      });
    };
  };

  readonly getSnapshot = (): TState => this.#state;

  protected enter(state: TState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }

  protected abstract start(): void;
  protected abstract stop(): void;
}
