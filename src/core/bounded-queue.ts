import { assertPositiveInteger } from "./options.ts";

/**
 * A first-in, first-out queue that refuses what exceeds its capacity.
 *
 * `push` and `shift` take constant time. At the bound `push` returns `false` and keeps nothing; the
 * caller decides what a refusal means.
 */
export class BoundedQueue<T> {
  readonly #capacity: number;
  #items: (T | undefined)[] = [];
  #head = 0;

  constructor(capacity: number) {
    this.#capacity = assertPositiveInteger("capacity", capacity);
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  get isFull(): boolean {
    return this.size >= this.#capacity;
  }

  push(item: T): boolean {
    if (this.isFull) return false;
    this.#items.push(item);
    return true;
  }

  /** The item that `shift` would return. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    // Moving what is left at most once per 32 items keeps `shift` cheap without a linked list.
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head >= 32 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
