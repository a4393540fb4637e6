/** What a {@link MessageQueue} needs. */
export interface MessageQueueOptions {
  /** How many bytes may be under way, before one more. */
  readonly maxBytes: number;
  /** Hands on a message; settles when it has been handled. MUST NOT reject. */
  readonly post: (body: string) => Promise<void>;
  /** No more is to be read, until `onRoom`. */
  readonly onFull: () => void;
  readonly onRoom: () => void;
}

/** Messages that are under way before no more is read, and when it is again. */
const PAUSE_AT = 64;
const RESUME_AT = 16;

/**
 * The messages of a WebSocket on their way to the connection that it carries, in order.
 *
 * Bounds: 64 messages under way, and `maxBytes` with one more. What was read with the last of them waits
 * here.
 */
export class MessageQueue {
  readonly #options: MessageQueueOptions;
  #waiting: string[] = [];
  #count = 0;
  #bytes = 0;
  #isFull = false;
  #whenEmpty: (() => void) | undefined;

  constructor(options: MessageQueueOptions) {
    this.#options = options;
  }

  add(body: string): void {
    this.#waiting.push(body);
    this.#handOn();
  }

  /** Calls back when everything that was added has been handed on; nothing is added any more. */
  whenEmpty(callback: () => void): void {
    this.#whenEmpty = callback;
    this.#handOn();
  }

  /** Drops what has not been handed on. */
  clear(): void {
    this.#waiting = [];
  }

  #handOn(): void {
    const { maxBytes } = this.#options;
    while (this.#waiting.length > 0 && this.#count < PAUSE_AT && this.#bytes <= maxBytes) {
      void this.#post(this.#waiting.shift() ?? "");
    }
    this.#tellRoom();
    if (this.#waiting.length > 0) return;
    const callback = this.#whenEmpty;
    this.#whenEmpty = undefined;
    callback?.();
  }

  async #post(body: string): Promise<void> {
    this.#count += 1;
    this.#bytes += body.length;
    await this.#options.post(body);
    this.#count -= 1;
    this.#bytes -= body.length;
    this.#handOn();
  }

  #tellRoom(): void {
    const { maxBytes, onFull, onRoom } = this.#options;
    const isFull = this.#count >= PAUSE_AT || this.#bytes > maxBytes;
    const hasRoom = this.#count <= RESUME_AT && this.#bytes <= maxBytes;
    if (!(this.#isFull ? hasRoom : isFull)) return;
    this.#isFull = isFull;
    if (isFull) onFull();
    else onRoom();
  }
}
