import { join, schedule, type OutboxSink } from "./outbox.ts";

/** A sink that says when it wants no more, and when it has room again. */
export interface HoldingSink extends OutboxSink {
  /** Whether it holds as much as it likes; `drain` says that it is empty again. */
  readonly writableNeedDrain: boolean;
  once(event: "drain", listener: () => void): unknown;
}

/** What becomes of messages that a slow client has not been sent. */
export type HoldingPolicy = "drop-oldest" | "conflate";

/** What a {@link HoldingOutbox} needs. */
export interface HoldingOutboxOptions {
  readonly sink: HoldingSink;
  readonly policy: HoldingPolicy;
  /** How many bytes may wait, in the outbox and in the sink together. */
  readonly maxBytes: number;
  /** Called once, when the policy does not help: nothing is left that could make way. */
  readonly onOverflow: () => void;
  /** Called for each message that was not sent. */
  readonly onDrop: () => void;
}

/** What is handed to the sink at a time, so that the rest can still make way. */
const BATCH_BYTES = 64 * 1024;

/** A message, and what a newer one must share with it to take its place. */
interface Message {
  readonly bytes: Uint8Array;
  readonly key: string | undefined;
}

/**
 * What one connection has still to be sent, kept back while its client is slow.
 *
 * A client that keeps up gets every message, one write per tick. While the sink wants no more, messages
 * wait here instead, whole and in order:
 *
 * - `drop-oldest`: at `maxBytes` the oldest of them are dropped.
 * - `conflate`: of two messages with the same key the newer one stays, at its own place, which is the
 *   end: what arrives is what was sent with some left out, never in another order. At `maxBytes`
 *   nothing is left to conflate, and the connection is cut off.
 */
export class HoldingOutbox {
  readonly #options: HoldingOutboxOptions;
  /** What this tick has brought; written at its end. */
  #pending: Message[] = [];
  #pendingBytes = 0;
  /** What waits for the sink, in the order in which it goes out; without a key it has a number. */
  readonly #held = new Map<string | number, Uint8Array>();
  #heldBytes = 0;
  #nextNumber = 0;
  // Kept, since each new one would pass all that was dropped before.
  #oldest: MapIterator<string | number> | undefined;
  #isWaiting = false;
  #isClosed = false;

  constructor(options: HoldingOutboxOptions) {
    this.#options = options;
  }

  /** Takes bytes that nobody changes any more; other outboxes may hold the same. */
  push(bytes: Uint8Array, key?: string): void {
    if (this.#isClosed) return;
    if (this.#isWaiting) {
      this.#hold({ bytes, key });
      return;
    }
    if (this.#pending.length === 0) schedule(this.#endOfTick);
    this.#pending.push({ bytes, key });
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= BATCH_BYTES) this.#writePending();
  }

  /** Writes everything now, whether the sink wants it or not. */
  flush(): void {
    const rest = [...this.#held.values(), ...this.#pending.map(({ bytes }) => bytes)];
    this.#clear();
    if (rest.length > 0) this.#options.sink.write(join(rest));
  }

  /** Drops what is pending and takes nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#clear();
  }

  readonly #endOfTick = { flush: (): void => this.#writePending() };

  /** Never more than a batch, which goes out whole, or waits. */
  #writePending(): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    this.#pendingBytes = 0;
    const { sink } = this.#options;
    if (sink.writableNeedDrain) {
      this.#wait();
      for (const message of pending) this.#hold(message);
    } else sink.write(join(pending.map(({ bytes }) => bytes)));
  }

  #hold({ bytes, key }: Message): void {
    const { policy, sink, maxBytes, onDrop, onOverflow } = this.#options;
    if (this.#isClosed) return;
    const place = policy === "conflate" && key !== undefined ? key : this.#nextNumber++;
    if (this.#take(place) !== undefined) onDrop();
    this.#held.set(place, bytes);
    this.#heldBytes += bytes.length;
    while (this.#heldBytes + sink.writableLength > maxBytes && this.#held.size > 0) {
      if (policy === "conflate") {
        this.close();
        onOverflow();
        return;
      }
      this.#dropOldest();
      onDrop();
    }
  }

  #dropOldest(): void {
    let next = this.#oldest?.next();
    if (!next || next.done === true) {
      this.#oldest = this.#held.keys();
      next = this.#oldest.next();
    }
    if (next.done !== true) this.#take(next.value);
  }

  #take(place: string | number): Uint8Array | undefined {
    const bytes = this.#held.get(place);
    if (!bytes) return undefined;
    this.#held.delete(place);
    this.#heldBytes -= bytes.length;
    return bytes;
  }

  #wait(): void {
    this.#isWaiting = true;
    this.#options.sink.once("drain", () => {
      this.#isWaiting = false;
      this.#release();
    });
  }

  /** Hands over what the sink likes to take; the rest waits for it. */
  #release(): void {
    const { sink } = this.#options;
    while (this.#held.size > 0 && !sink.writableNeedDrain) sink.write(join(this.#nextBatch()));
    if (this.#held.size > 0) this.#wait();
  }

  #nextBatch(): readonly Uint8Array[] {
    const batch: Uint8Array[] = [];
    let length = 0;
    for (const [place, bytes] of this.#held) {
      if (batch.length > 0 && length + bytes.length > BATCH_BYTES) break;
      this.#take(place);
      batch.push(bytes);
      length += bytes.length;
    }
    return batch;
  }

  #clear(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#held.clear();
    this.#heldBytes = 0;
  }
}
