import type { Payload } from "../../channels/index.ts";
import type { HoldingPolicy } from "../holding-outbox.ts";
import type { WebSocketLosses } from "../websocket-losses.ts";
import type { Frame, FrameBatch, FrameDetails, KeptFrame, SharedFrames } from "./shared-frames.ts";

/** What a {@link FrameLog} needs. */
export interface FrameLogOptions {
  /** Where frames are made. */
  readonly frames: SharedFrames;
  /** How many bytes may be kept. */
  readonly maxBytes: number;
  /** What becomes of frames that nobody has read, when there are more. */
  readonly policy: "disconnect" | HoldingPolicy;
  /** How long a frame is kept after it was read, and little longer, unless it is acknowledged before. */
  readonly keepMs: number;
  /** Where each frame is counted that nobody has read, and that is kept no longer. */
  readonly losses: WebSocketLosses;
  /** The time in milliseconds, for tests. @default one that nobody sets */
  readonly now?: (() => number) | undefined;
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
/** It is noted so often when frames were read, in the time for which they are kept. */
const MARKS = 32;
/** So many places are left empty before what is behind them moves up. */
const MAX_EMPTY = 256;

/**
 * What a connection was sent, until its client has it.
 *
 * A frame leaves when it is acknowledged, or a while after it was read: a client that has broken off
 * in between reads it again. At the bound those that were read go first, the oldest before the others;
 * then the policy decides.
 *
 * Busy connections keep a thousand frames each, for as long as nobody acknowledges them. Nearly all of
 * that is shared: what came together is kept as one of {@link SharedFrames}' batches. Where a policy may
 * have a single frame make way, each has a batch of its own.
 */
export class FrameLog {
  readonly #shared: SharedFrames;
  readonly #maxBytes: number;
  readonly #isOneByOne: boolean;
  /** What has come since it was last looked at: the batch to be. */
  #fresh: KeptFrame[] | undefined;
  #freshBytes = 0;
  #bytes = 0;
  #last = 0;
  readonly #options: FrameLogOptions;
  /** From `#start` on; what is before has left. */
  #batches: (FrameBatch | undefined)[] = [];
  #start = 0;
  /** Of all bytes, those that were read. */
  #readBytes = 0;
  /** Up to here frames are gone for good: an older place cannot be gone on from. */
  #floor = 0;
  /** Up to here they have been read. */
  #read = 0;
  readonly #marks: Mark[] = [];

  constructor(options: FrameLogOptions) {
    this.#options = options;
    this.#shared = options.frames;
    this.#maxBytes = options.maxBytes;
    this.#isOneByOne = options.policy !== "disconnect";
  }

  /** Adds a frame; `false` when there is no room for it. */
  push(payload: Payload, details?: FrameDetails): boolean {
    const key = details?.key;
    if (key !== undefined && this.#options.policy === "conflate") this.#dropUnread(key);
    const frame = this.#shared.frame(this.#last, payload, details);
    if (this.#isOneByOne || this.#freshBytes + frame.bytes > MAX_BATCH_BYTES) this.#settle();
    this.#last = frame.sequence;
    if (this.#fresh) this.#fresh.push(frame);
    else this.#fresh = [frame];
    this.#freshBytes += frame.bytes;
    this.#bytes += frame.bytes;
    return this.#bytes <= this.#maxBytes || this.#makeRoom();
  }

  /**
   * The next frames after a place, and notes that they have been read.
   *
   * `undefined` when what came after it cannot be told any more, or the place never was.
   */
  readAfter(sequence: number): readonly Frame[] | undefined {
    this.#settle();
    if (sequence < this.#floor || sequence > this.#last) return undefined;
    const batches = this.#batchesAfter(sequence);
    const [first] = batches;
    const last = batches.at(-1);
    if (!first || !last) return [];
    this.#noteRead(batches, last);
    if (first === last && first.first > sequence) return first.frames;
    return batches.flatMap(({ frames }) => frames).filter((frame) => frame.sequence > sequence);
  }

  /** Whether something came after a place. */
  hasAfter(sequence: number): boolean {
    return this.#last > sequence;
  }

  /** Forgets what the client has, up to a place. */
  acknowledge(sequence: number): void {
    this.#settle();
    while (this.#oldest && this.#oldest.last <= sequence) this.#forgetOldest();
    this.#floor = Math.max(this.#floor, Math.min(sequence, this.#last));
  }

  /** Forgets what was read long ago. */
  trim(): void {
    const before = this.#now() - this.#options.keepMs;
    const firstYoung = this.#marks.findIndex(({ at }) => at >= before);
    const old = this.#marks.splice(0, firstYoung === -1 ? this.#marks.length : firstYoung);
    this.acknowledge(old.at(-1)?.sequence ?? 0);
  }

  /** Forgets everything. */
  clear(): void {
    this.acknowledge(this.#last);
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }

  get #oldest(): FrameBatch | undefined {
    return this.#batches[this.#start];
  }

  /** Makes a batch of what has come. */
  #settle(): void {
    if (!this.#fresh) return;
    this.#batches.push(this.#shared.batch(this.#fresh, this.#freshBytes));
    this.#fresh = undefined;
    this.#freshBytes = 0;
  }

  /** What one answer has room for. */
  #batchesAfter(sequence: number): readonly FrameBatch[] {
    const batches: FrameBatch[] = [];
    let bytes = 0;
    for (let index = this.#indexAfter(sequence); index < this.#batches.length; index++) {
      const batch = this.#batches[index];
      bytes += batch?.bytes ?? 0;
      if (!batch || (batches.length > 0 && bytes > MAX_BATCH_BYTES)) break;
      batches.push(batch);
    }
    return batches;
  }

  /** What was read before makes way for what is read now, which was not read before this time. */
  #noteRead(batches: readonly FrameBatch[], { last: sequence }: FrameBatch): void {
    if (sequence <= this.#read) return;
    let bytes = 0;
    for (const batch of batches) if (batch.last > this.#read) bytes += batch.bytes;
    while (this.#readBytes > 0 && this.#readBytes + bytes > MAX_READ_BYTES) this.#forgetOldest();
    this.#read = sequence;
    this.#readBytes += bytes;
    const now = this.#now();
    const mark = this.#marks.at(-1);
    if (mark && now < mark.at) mark.sequence = sequence;
    else this.#marks.push({ sequence, at: now + this.#options.keepMs / MARKS });
  }

  #makeRoom(): boolean {
    this.#settle();
    const { policy, losses } = this.#options;
    while (this.#bytes > this.#maxBytes && this.#oldest && this.#oldest.last <= this.#read) {
      this.#forgetOldest();
    }
    if (this.#bytes <= this.#maxBytes) return true;
    if (policy !== "drop-oldest") return false;
    // The newest one stays, however large it is; whoever reads on never learns of those that go.
    while (this.#bytes > this.#maxBytes && this.#oldest && this.#oldest.last < this.#last) {
      this.#removeOldest();
      losses.dropped += 1;
    }
    return true;
  }

  #forgetOldest(): void {
    const oldest = this.#removeOldest();
    if (!oldest) return;
    if (oldest.last <= this.#read) this.#readBytes -= oldest.bytes;
    this.#floor = oldest.last;
  }

  /** Leaves its place empty; they are cleared away many at a time, as the rest has to move up. */
  #removeOldest(): FrameBatch | undefined {
    const oldest = this.#oldest;
    this.#bytes -= oldest?.bytes ?? 0;
    this.#batches[this.#start] = undefined;
    this.#start += 1;
    if (this.#start === this.#batches.length) this.#batches = [];
    else if (this.#start >= MAX_EMPTY) this.#batches.splice(0, this.#start);
    else return oldest;
    this.#start = 0;
    return oldest;
  }

  /** Drops the frame with this key, if nobody has read it. */
  #dropUnread(key: string): void {
    this.#settle();
    for (let index = this.#indexAfter(this.#read); index < this.#batches.length; index++) {
      const batch = this.#batches[index];
      if (batch?.frames[0]?.key !== key) continue;
      this.#bytes -= batch.bytes;
      this.#batches.splice(index, 1);
      this.#options.losses.dropped += 1;
      return;
    }
  }

  /** Where the first batch is that goes beyond a place; by halving, since there may be thousands. */
  #indexAfter(sequence: number): number {
    let low = this.#start;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#batches[middle]?.last ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
