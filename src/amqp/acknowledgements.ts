/** Tells RabbitMQ that a delivery is done, or that all up to it are. */
type SayDone = (tag: number, allUpTo: boolean) => void;

/**
 * The deliveries of one channel that are not done, and those that are to be told as done.
 *
 * What gets done in one tick is told at its end, and as far as nothing older is left, in one frame: that
 * is most of what RabbitMQ and its client have to do for short tasks. Bound: what the channel may have out.
 */
export class Acknowledgements {
  readonly #say: SayDone;
  /** In the order of their tags, as they came. */
  readonly #open = new Set<number>();
  #done: number[] = [];

  constructor(say: SayDone) {
    this.#say = say;
  }

  /** A delivery has come. */
  add(tag: number): void {
    this.#open.add(tag);
  }

  /** It has been given back. */
  remove(tag: number): void {
    this.#open.delete(tag);
  }

  /** It is done; said at the end of this tick. */
  acknowledge(tag: number): void {
    this.#open.delete(tag);
    if (this.#done.push(tag) === 1) process.nextTick(() => this.flush());
  }

  /** Says what has not been said. */
  flush(): void {
    const done = this.#done;
    this.#done = [];
    const [oldest = Infinity] = this.#open;
    let last = 0;
    for (const tag of done) {
      if (tag > oldest) this.#say(tag, false);
      else last = Math.max(last, tag);
    }
    if (last > 0) this.#say(last, true);
  }
}
