import { toError } from "../core/errors.ts";

/** Those who listen, by what they listen to. */
export class Listeners {
  readonly #byTopic = new Map<string, Set<(value: unknown) => void>>();

  /** Adds a listener; returns what removes it. */
  add(topic: string, listener: (value: never) => void): () => void {
    let listeners = this.#byTopic.get(topic);
    if (!listeners) this.#byTopic.set(topic, (listeners = new Set()));
    // oxlint-disable-next-line no-unsafe-type-assertion -- who tells a topic knows what its listeners take
    const own = listener as (value: unknown) => void;
    const all = listeners.add(own);
    return () => void all.delete(own);
  }

  /** What a listener throws reaches the page's error handling, and keeps no other from being called. */
  tell(topic: string, value: unknown): void {
    for (const listener of this.#byTopic.get(topic) ?? []) {
      try {
        listener(value);
      } catch (thrown) {
        queueMicrotask(() => {
          throw toError(thrown);
        });
      }
    }
  }
}
