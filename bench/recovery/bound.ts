import type { Figure } from "../figure.ts";

/** A figure of ours that has a bound of its own, whatever the peer does. */
export interface Bounded {
  readonly name: string;
  readonly ours: number;
  readonly peer: number;
  readonly atLeast?: number | undefined;
  readonly atMost?: number | undefined;
  readonly note?: string | undefined;
}

/** Makes a figure that is met when ours is within its bound. */
export function within({ name, ours, peer, atLeast, atMost, note }: Bounded): Figure {
  return {
    name: `${name}, beside Socket.IO`,
    ours,
    peer,
    ratio: ours === peer ? 1 : ours / peer,
    floor: atLeast ?? atMost,
    isMet: ours >= (atLeast ?? -Infinity) && ours <= (atMost ?? Infinity),
    note,
  };
}
