import type { Payload } from "../../channels/index.ts";
import { areSame, type Frame } from "./shared-frames.ts";

/** How a stream writes a frame: what stands on both sides of its cursor. */
export interface FrameSides {
  readonly before: string;
  readonly after: (payload: Payload) => string;
}

/** Frames as a stream writes them. */
export interface FrameTexts {
  /**
   * What stands before, between and behind the ids of the connection: the same for all.
   *
   * Their characters stand for bytes of UTF-8: written as Latin-1, they need no conversion.
   */
  readonly pieces: readonly string[];
  /** Where the connection is in the histories of its groups behind them. */
  readonly positions: string | undefined;
}

/**
 * Makes what writes the frames of all streams of a kind.
 *
 * The members of a group mostly have the very same frames to be sent in a tick, one right after the
 * other: what was written for one of them is remembered for the next. Bound: one answer's frames.
 */
export function frameTexts(
  sides: FrameSides,
): (frames: readonly Frame[], positions: string | undefined) => FrameTexts {
  const payloadText = oncePerPayload(sides.after);
  let last: FrameTexts | undefined;
  let lastFrames: readonly Frame[] = [];
  let lastPositions: string | undefined;
  return (frames, positions) => {
    if (last && positions === lastPositions && areSame(frames, lastFrames)) return last;
    const pieces = [sides.before];
    let now = positions;
    for (const [index, { sequence, payload, positions: then = now }] of frames.entries()) {
      now = then;
      const place = now === undefined ? `.${sequence}` : `.${sequence}~${now}`;
      const next = index < frames.length - 1 ? sides.before : "";
      // Put together now, and not again for each of those that it is written to.
      pieces.push(Buffer.from(place + payloadText(payload) + next, "latin1").toString("latin1"));
    }
    [lastFrames, lastPositions] = [frames, positions];
    return (last = { pieces, positions: now });
  };
}

/** Several of them may have the same payload in other company. */
function oncePerPayload(encode: (payload: Payload) => string): (payload: Payload) => string {
  const encoded = new WeakMap<Payload, string>();
  return (payload) => {
    let known = encoded.get(payload);
    if (known === undefined) {
      known = Buffer.from(encode(payload)).toString("latin1");
      encoded.set(payload, known);
    }
    return known;
  };
}
