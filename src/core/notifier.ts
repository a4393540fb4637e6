/** Tells listeners that something changed, in the order in which they came. */
export class Notifier<T> {
  readonly #listeners = new Set<(change: T) => void>();

  get size(): number {
    return this.#listeners.size;
  }

  /** Calls the listener at every change, until the returned function is called. */
  subscribe(listener: (change: T) => void): () => void {
    // A function of its own, so that one listener given twice is heard twice.
    const own = (change: T): void => listener(change);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  announce(change: T): void {
    for (const listener of this.#listeners) listener(change);
  }
}
