import type { Payload } from "../../channels/index.ts";
import type { HoldingPolicy } from "../holding-outbox.ts";

/** Something that a connection was sent, and its number: the first is 1. */
export interface Frame {
  readonly sequence: number;
  readonly payload: Payload;
  /** Where the connection is in the histories of its groups from here on, if that has changed. */
  readonly positions?: string | undefined;
}

/** What is told of a frame beside its payload. */
export interface FrameDetails {
  /** Of two frames that nobody has read, the newer one with the same key stays. */
  readonly key?: string | undefined;
  readonly positions?: string | undefined;
}

/** What a {@link FrameLog} needs. */
export interface FrameLogOptions {
  /** How many bytes may be kept. */
  readonly maxBytes: number;
  /** What becomes of frames that nobody has read, when there are more. */
  readonly policy: "disconnect" | HoldingPolicy;
  /** How long a frame is kept after it was read, unless that is acknowledged before. */
  readonly keepMs: number;
  /** Called for each frame that nobody has read, and that is kept no longer. */
  readonly onDrop: () => void;
  /** The time in milliseconds. */
  readonly now: () => number;
}

interface Entry extends Frame {
  readonly key: string | undefined;
  readonly size: number;
  /** When it was handed to a reader first. */
  readAt: number | undefined;
}

/** What one answer holds at most, but for a single frame that is larger. */
const MAX_BATCH_BYTES = 256 * 1024;
/** Frames that were read and not acknowledged are kept up to here, for a client that breaks off. */
const MAX_READ_BYTES = 256 * 1024;
/** What a frame costs beside its payload. */
const OVERHEAD = 64;

/**
 * What a connection was sent, numbered, until its client has it.
 *
 * A frame leaves when it is acknowledged, or a while after it was read: a client that has broken off
 * in between reads it again. At the bound those that were read go first, the oldest before the others;
 * then the policy decides.
 */
export class FrameLog {
  readonly #options: FrameLogOptions;
  /** In the order of their numbers. */
  readonly #entries: Entry[] = [];
  #bytes = 0;
  /** How many of them were read. */
  #readBytes = 0;
  #last = 0;
  /** Up to here frames are gone for good: an older place cannot be gone on from. */
  #floor = 0;
  /** Up to here they have been read. */
  #read = 0;

  constructor(options: FrameLogOptions) {
    this.#options = options;
  }

  /** The number of the last frame. */
  get last(): number {
    return this.#last;
  }

  /** Adds a frame; `false` when there is no room for it. */
  push(payload: Payload, { key, positions }: FrameDetails = {}): boolean {
    if (this.#options.policy === "conflate" && key !== undefined) this.#dropUnread(key);
    const size = sizeOf(payload) + (positions?.length ?? 0) + OVERHEAD;
    this.#last += 1;
    const sequence = this.#last;
    this.#entries.push({ sequence, payload, positions, key, size, readAt: undefined });
    this.#bytes += size;
    return this.#makeRoom();
  }

  /**
   * The next frames after a place, and notes that they have been read.
   *
   * `undefined` when what came after it cannot be told any more, or the place never was.
   */
  readAfter(sequence: number): readonly Frame[] | undefined {
    if (sequence < this.#floor || sequence > this.#last) return undefined;
    const start = this.#indexAfter(sequence);
    let end = start;
    let bytes = 0;
    for (; end < this.#entries.length; end++) {
      const entry = this.#entries[end];
      bytes += entry?.size ?? 0;
      if (!entry || (end > start && bytes > MAX_BATCH_BYTES)) break;
      this.#markRead(entry);
    }
    return this.#entries.slice(start, end);
  }

  /** Whether there is something after a place. */
  hasAfter(sequence: number): boolean {
    return (this.#entries.at(-1)?.sequence ?? 0) > sequence;
  }

  /** Forgets what the client has, up to a place. */
  acknowledge(sequence: number): void {
    this.#forget((entry) => entry.sequence <= sequence);
  }

  /** Forgets what was read long ago. */
  trim(): void {
    const before = this.#options.now() - this.#options.keepMs;
    this.#forget(({ readAt }) => readAt !== undefined && readAt < before);
  }

  /** Forgets everything. */
  clear(): void {
    this.#forget(() => true);
  }

  #markRead(entry: Entry): void {
    if (entry.readAt !== undefined) return;
    entry.readAt = this.#options.now();
    this.#readBytes += entry.size;
    this.#read = entry.sequence;
  }

  #makeRoom(): boolean {
    const { maxBytes, policy } = this.#options;
    this.#forget(
      ({ readAt }) =>
        readAt !== undefined && (this.#readBytes > MAX_READ_BYTES || this.#bytes > maxBytes),
    );
    if (this.#bytes <= maxBytes) return true;
    if (policy !== "drop-oldest") return false;
    // The newest one stays, however large it is.
    while (this.#bytes > maxBytes && this.#entries.length > 1) this.#drop(0);
    return true;
  }

  /** Forgets entries from the beginning, as long as the condition holds. */
  #forget(isOver: (entry: Entry) => boolean): void {
    let count = 0;
    for (const entry of this.#entries) {
      if (!isOver(entry)) break;
      this.#bytes -= entry.size;
      if (entry.readAt !== undefined) this.#readBytes -= entry.size;
      this.#floor = entry.sequence;
      count += 1;
    }
    if (count > 0) this.#entries.splice(0, count);
  }

  /** Drops the frame with this key, if nobody has read it. */
  #dropUnread(key: string): void {
    for (let index = this.#indexAfter(this.#read); index < this.#entries.length; index++) {
      if (this.#entries[index]?.key === key) return this.#drop(index);
    }
  }

  /** Drops a frame that nobody has read: whoever reads on never learns of it. */
  #drop(index: number): void {
    const [entry] = this.#entries.splice(index, 1);
    this.#bytes -= entry?.size ?? 0;
    this.#options.onDrop();
  }

  /** Where the first frame after a place is; by halving, since a busy connection keeps thousands. */
  #indexAfter(sequence: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.sequence ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function sizeOf(payload: Payload): number {
  if ("json" in payload) return payload.json.length;
  if ("text" in payload) return payload.text.length;
  return "bytes" in payload ? payload.bytes.length : 0;
}
