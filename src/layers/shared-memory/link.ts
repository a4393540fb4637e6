import type { Duplex } from "node:stream";

import { FrameReader, type Frame } from "./frame.ts";

/** What a {@link Link} needs. */
export interface LinkOptions {
  readonly stream: Duplex;
  /** How many bytes may wait for the other end. */
  readonly maxBytes: number;
  readonly onFrame: (frame: Frame) => void;
  /** Called once, when the other end is gone. */
  readonly onClose: () => void;
  /** Called when what had piled up has been taken. */
  readonly onDrain?: (() => void) | undefined;
}

/** What may wait before a sender should: the rest of the bound is for those who do not. */
const BUSY_BYTES = 1024 * 1024;

/**
 * One end of the stream between two processes.
 *
 * One write for each turn of the event loop, however many frames it brought. Bound: `maxBytes`; what
 * would exceed it is refused. An end that sends anything but frames is cut off: that must not end
 * whoever else is at the hub.
 */
export class Link {
  readonly #stream: Duplex;
  readonly #maxBytes: number;
  readonly #reader = new FrameReader();
  readonly #onFrame: (frame: Frame) => void;
  readonly #onDrain: (() => void) | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #drained: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  constructor({ stream, maxBytes, onFrame, onClose, onDrain }: LinkOptions) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.#onDrain = onDrain;
    this.#onFrame = onFrame;
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("drain", () => this.#drain());
    stream.on("error", () => {}); // the other process died; "close" follows
    stream.once("close", () => {
      this.#isClosed = true;
      this.#pending = [];
      this.#drained?.resolve();
      onClose();
    });
    stream.once("end", () => stream.destroy());
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that the other end has not taken yet, as far as we know. */
  get waitingBytes(): number {
    return this.#pendingBytes + this.#stream.writableLength;
  }

  /** Takes a frame that may be refused; `false` when too much waits already. */
  offer(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.waitingBytes + bytes.length > this.#maxBytes) return false;
    this.push(bytes);
    return true;
  }

  /** Takes a frame that must not get lost. There are no more of these than the other end asked for. */
  push(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#pending.length === 0) setImmediate(() => this.#flush());
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  /** Resolves when a sender may go on: at once, unless a lot waits. */
  async ready(): Promise<void> {
    if (this.#isClosed || this.waitingBytes <= BUSY_BYTES) return;
    this.#drained ??= Promise.withResolvers<void>();
    await this.#drained.promise;
  }

  /** Ends the stream, when what waits has been written. */
  close(): void {
    this.#flush();
    this.#stream.end();
  }

  #read(chunk: Buffer): void {
    let frames: readonly Frame[];
    try {
      frames = this.#reader.read(chunk);
    } catch {
      this.#stream.destroy();
      return;
    }
    for (const frame of frames) this.#onFrame(frame);
  }

  #flush(): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    this.#pendingBytes = 0;
    // A copy, even of one: a frame that is passed on is a view of a chunk that may be much larger.
    if (this.#stream.write(Buffer.concat(pending))) this.#drain();
  }

  #drain(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
    this.#onDrain?.();
  }
}
