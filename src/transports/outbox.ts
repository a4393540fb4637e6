/** Where an outbox writes: a socket or a response. */
export interface OutboxSink {
  write(bytes: Uint8Array): unknown;
  /** Bytes that the sink has taken and not yet handed to the kernel. */
  readonly writableLength: number;
}

/** What an {@link Outbox} needs. */
export interface OutboxOptions {
  readonly sink: OutboxSink;
  /** How many bytes may wait, in the outbox and in the sink together. */
  readonly maxBytes: number;
  /** Called once, when they are exceeded; the outbox then takes nothing more. */
  readonly onOverflow: () => void;
}

/**
 * What one connection has still to be sent.
 *
 * One write per connection and tick, however many messages the tick brought: a write costs the kernel
 * about as much for ten messages as for one. Messages go out in order. Bound: `maxBytes`; a reader
 * that is slower than that is cut off, and resumes by its cursor.
 */
export class Outbox {
  readonly #sink: OutboxSink;
  readonly #maxBytes: number;
  readonly #onOverflow: () => void;
  /** What this tick has brought; made when it brings something. */
  #pending: Uint8Array[] | undefined;
  #pendingBytes = 0;
  #isClosed = false;

  constructor({ sink, maxBytes, onOverflow }: OutboxOptions) {
    this.#sink = sink;
    this.#maxBytes = maxBytes;
    this.#onOverflow = onOverflow;
  }

  /** Takes bytes that nobody changes any more; other outboxes may hold the same. */
  push(bytes: Uint8Array, _key?: string): void {
    if (this.#isClosed) return;
    this.#pendingBytes += bytes.length;
    if (this.#pending) this.#pending.push(bytes);
    else {
      this.#pending = [bytes];
      schedule(this);
    }
    // What the sink holds is looked at when it is written to, once in a tick.
    if (this.#pendingBytes > this.#maxBytes) this.flush();
  }

  /** Writes what is pending now, unless that is too much. */
  flush(): void {
    const pending = this.#pending;
    if (!pending) return;
    const isTooMuch = this.#pendingBytes + this.#sink.writableLength > this.#maxBytes;
    this.#pending = undefined;
    this.#pendingBytes = 0;
    if (isTooMuch) {
      this.close();
      this.#onOverflow();
    } else this.#sink.write(join(pending));
  }

  /** Drops what is pending and takes nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#pending = undefined;
    this.#pendingBytes = 0;
  }
}

/** What has something to write at the end of a tick. */
export interface Flushable {
  flush(): void;
}

/** The outboxes of this process that have something to write in this tick. */
let dirty: Flushable[] = [];

/** Has an outbox flushed at the end of this tick. */
export function schedule(outbox: Flushable): void {
  if (dirty.length === 0) setImmediate(flushAll);
  dirty.push(outbox);
}

function flushAll(): void {
  const outboxes = dirty;
  dirty = [];
  for (const outbox of outboxes) outbox.flush();
  lastParts = [];
  lastJoined = undefined;
}

// Members of one group mostly have the very same messages pending: they share the joined bytes.
let lastParts: readonly Uint8Array[] = [];
let lastJoined: Uint8Array | undefined;

/** Joins what goes out together. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first && parts.length === 1) return first;
  const isSame =
    parts.length === lastParts.length && parts.every((part, index) => part === lastParts[index]);
  if (!isSame || !lastJoined) {
    lastJoined = Buffer.concat(parts);
    lastParts = parts;
  }
  return lastJoined;
}
