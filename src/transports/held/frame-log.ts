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
  /** How long a frame is kept after it was read, and little longer, unless it is acknowledged before. */
  readonly keepMs: number;
  /** Called for each frame that nobody has read, and that is kept no longer. */
  readonly onDrop: () => void;
  /** The time in milliseconds. */
  readonly now: () => number;
}

/** Up to where frames had been read at a time. */
interface Mark {
  sequence: number;
  readonly at: number;
}

/** What one answer holds at most, but for a single frame that is larger. */
const MAX_BATCH_BYTES = 256 * 1024;
/** Frames that were read and not acknowledged are kept up to here, for a client that breaks off. */
const MAX_READ_BYTES = 256 * 1024;
/** What a frame costs beside its payload. */
const OVERHEAD = 64;
/** It is noted so often when frames were read, in the time for which they are kept. */
const MARKS = 32;
/** So many places are left empty before what is behind them moves up. */
const MAX_EMPTY = 256;

/**
 * What a connection was sent, numbered, until its client has it.
 *
 * A frame leaves when it is acknowledged, or a while after it was read: a client that has broken off
 * in between reads it again. At the bound those that were read go first, the oldest before the others;
 * then the policy decides.
 *
 * Busy connections keep a thousand frames each, for as long as nobody acknowledges them. There is no
 * object for each: all that the collector has to look at is four lists.
 */
export class FrameLog {
  readonly #options: FrameLogOptions;
  /** What belongs to the same frame is at the same place, from `#start` on. */
  #sequences: number[] = [];
  #sizes: number[] = [];
  #payloads: (Payload | undefined)[] = [];
  #details: (FrameDetails | undefined)[] = [];
  #start = 0;
  #bytes = 0;
  /** How many of them were read. */
  #readBytes = 0;
  #last = 0;
  /** Up to here frames are gone for good: an older place cannot be gone on from. */
  #floor = 0;
  /** Up to here they have been read. */
  #read = 0;
  readonly #marks: Mark[] = [];

  constructor(options: FrameLogOptions) {
    this.#options = options;
  }

  /** The number of the last frame. */
  get last(): number {
    return this.#last;
  }

  /** Adds a frame; `false` when there is no room for it. */
  push(payload: Payload, details?: FrameDetails): boolean {
    const key = details?.key;
    if (this.#options.policy === "conflate" && key !== undefined) this.#dropUnread(key);
    const size = sizeOf(payload, details);
    this.#last += 1;
    this.#sequences.push(this.#last);
    this.#sizes.push(size);
    this.#payloads.push(payload);
    this.#details.push(details);
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
    const before = this.#read;
    const frames: Frame[] = [];
    let bytes = 0;
    for (let index = this.#indexAfter(sequence); index < this.#sequences.length; index++) {
      const size = this.#sizeAt(index);
      bytes += size;
      if (frames.length > 0 && bytes > MAX_BATCH_BYTES) break;
      const frame = this.#frameAt(index);
      if (!frame) break;
      frames.push(frame);
      if (frame.sequence > this.#read) {
        this.#read = frame.sequence;
        this.#readBytes += size;
      }
    }
    if (this.#read > before) this.#mark();
    return frames;
  }

  /** Whether there is something after a place. */
  hasAfter(sequence: number): boolean {
    return (this.#sequences.at(-1) ?? 0) > sequence;
  }

  /** Forgets what the client has, up to a place. */
  acknowledge(sequence: number): void {
    while (this.#first <= sequence) this.#forgetFirst();
  }

  /** Forgets what was read long ago. */
  trim(): void {
    const before = this.#options.now() - this.#options.keepMs;
    const firstYoung = this.#marks.findIndex(({ at }) => at >= before);
    const old = this.#marks.splice(0, firstYoung === -1 ? this.#marks.length : firstYoung);
    this.acknowledge(old.at(-1)?.sequence ?? 0);
  }

  /** Forgets everything. */
  clear(): void {
    this.acknowledge(this.#last);
  }

  /** The number of the first frame; infinite when there is none. */
  get #first(): number {
    return this.#sequences[this.#start] ?? Infinity;
  }

  #frameAt(index: number): Frame | undefined {
    const payload = this.#payloads[index];
    const sequence = this.#sequences[index];
    if (!payload || sequence === undefined) return undefined;
    const positions = this.#details[index]?.positions;
    return { sequence, payload, positions };
  }

  #sizeAt(index: number): number {
    return this.#sizes[index] ?? 0;
  }

  get #lists(): readonly unknown[][] {
    return [this.#sequences, this.#sizes, this.#payloads, this.#details];
  }

  /** Notes when they were read, which they were at the latest then. */
  #mark(): void {
    const now = this.#options.now();
    const last = this.#marks.at(-1);
    if (last && now < last.at) last.sequence = this.#read;
    else this.#marks.push({ sequence: this.#read, at: now + this.#options.keepMs / MARKS });
  }

  #makeRoom(): boolean {
    const { maxBytes, policy, onDrop } = this.#options;
    while (
      (this.#readBytes > MAX_READ_BYTES || this.#bytes > maxBytes) &&
      this.#first <= this.#read
    ) {
      this.#forgetFirst();
    }
    if (this.#bytes <= maxBytes) return true;
    if (policy !== "drop-oldest") return false;
    // The newest one stays, however large it is; whoever reads on never learns of those that go.
    while (this.#bytes > maxBytes && this.#first < this.#last) {
      this.#removeFirst();
      onDrop();
    }
    return true;
  }

  #forgetFirst(): void {
    const sequence = this.#first;
    if (sequence <= this.#read) this.#readBytes -= this.#sizeAt(this.#start);
    this.#floor = sequence;
    this.#removeFirst();
  }

  /** Leaves its place empty; they are cleared away many at a time, as the rest has to move up. */
  #removeFirst(): void {
    this.#bytes -= this.#sizeAt(this.#start);
    this.#payloads[this.#start] = undefined;
    this.#details[this.#start] = undefined;
    this.#start += 1;
    if (this.#start === this.#sequences.length) {
      [this.#sequences, this.#sizes, this.#payloads, this.#details] = [[], [], [], []];
      this.#start = 0;
    } else if (this.#start >= MAX_EMPTY) {
      for (const list of this.#lists) list.splice(0, this.#start);
      this.#start = 0;
    }
  }

  /** Drops the frame with this key, if nobody has read it. */
  #dropUnread(key: string): void {
    const first = this.#indexAfter(this.#read);
    for (let index = first; index < this.#details.length; index++) {
      if (this.#details[index]?.key !== key) continue;
      this.#bytes -= this.#sizeAt(index);
      for (const list of this.#lists) list.splice(index, 1);
      return this.#options.onDrop();
    }
  }

  /** Where the first frame after a place is; by halving, since a busy connection keeps thousands. */
  #indexAfter(sequence: number): number {
    let low = this.#start;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sequences[middle] ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function sizeOf(payload: Payload, details: FrameDetails | undefined): number {
  return lengthOf(payload) + (details?.positions?.length ?? 0) + OVERHEAD;
}

function lengthOf(payload: Payload): number {
  if ("json" in payload) return payload.json.length;
  if ("text" in payload) return payload.text.length;
  return "bytes" in payload ? payload.bytes.length : 0;
}
