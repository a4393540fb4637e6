import type { Payload } from "../../channels/index.ts";

/** Something that a connection was sent, and its number, which is larger than those before it. */
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

/** A frame as it is kept. */
export interface KeptFrame extends Frame, FrameDetails {
  /** What it counts for. */
  readonly bytes: number;
}

/** Frames that came together. */
export interface FrameBatch {
  readonly frames: readonly KeptFrame[];
  readonly bytes: number;
  /** The numbers of the first and the last of them. */
  readonly first: number;
  readonly last: number;
}

/** What a frame costs beside its payload. */
const OVERHEAD = 64;

/**
 * The frames of a server's connections, numbered in the order in which they came.
 *
 * The members of a group are sent the very same payloads, one right after the other. They share their
 * frames, number and all, and mostly those of a whole tick: what they are written is the same, but for
 * the id of the connection. Bound: the last frame and the last batch, until others come.
 */
export class SharedFrames {
  #lastFrame: KeptFrame | undefined;
  #lastBatch: FrameBatch | undefined;
  #sequence = 0;

  /** The frame of a payload for a connection whose last one has the number `after`. */
  frame(after: number, payload: Payload, details?: FrameDetails): KeptFrame {
    const last = this.#lastFrame;
    const isSame =
      last?.payload === payload &&
      last.sequence > after &&
      last.key === details?.key &&
      last.positions === details?.positions;
    return isSame ? last : (this.#lastFrame = this.#make(payload, details));
  }

  /** Frames as one batch; nobody changes them any more. */
  batch(frames: readonly KeptFrame[], bytes: number): FrameBatch {
    const last = this.#lastBatch;
    if (last && areSame(frames, last.frames)) return last;
    const [first, end] = [frames[0]?.sequence ?? 0, frames.at(-1)?.sequence ?? 0];
    return (this.#lastBatch = { frames, bytes, first, last: end });
  }

  #make(payload: Payload, { key, positions }: FrameDetails = {}): KeptFrame {
    this.#sequence += 1;
    const bytes = lengthOf(payload) + (positions?.length ?? 0) + OVERHEAD;
    return { sequence: this.#sequence, payload, key, positions, bytes };
  }
}

function lengthOf(payload: Payload): number {
  if ("json" in payload) return payload.json.length;
  if ("text" in payload) return payload.text.length;
  return "bytes" in payload ? payload.bytes.length : 0;
}

/** Whether these are the very same frames. */
export function areSame(frames: readonly Frame[], others: readonly Frame[]): boolean {
  if (frames === others) return true;
  return frames.length === others.length && frames.every((frame, index) => frame === others[index]);
}
