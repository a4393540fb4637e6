/**
 * What is at hand: many things that come and go, found again by their place.
 *
 * A `Map` or `Set` would do, but for the collector. Whenever its table is full of what was removed it makes
 * another, and the old one keeps all that it held and the new one. Once a table is old, everything that ever
 * is in the set outlives it until the next full collection: a quarter of a busy worker's time.
 */
export class Roster<T> implements Iterable<T> {
  readonly #places: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#places.length - this.#free.length;
  }

  /** Returns its place, which is its own until it is removed. */
  add(item: T): number {
    const place = this.#free.pop() ?? this.#places.length;
    this.#places[place] = item;
    return place;
  }

  /** Removes what has a place; each place is given back once. */
  remove(place: number): void {
    this.#places[place] = undefined;
    this.#free.push(place);
  }

  /** In no order. What is added or removed meanwhile may be met or not. */
  *[Symbol.iterator](): Iterator<T> {
    for (const item of this.#places) if (item !== undefined) yield item;
  }
}
