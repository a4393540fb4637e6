import { createHash } from "node:crypto";

import {
  formatCursor,
  formatGroupPositions,
  MAX_FOLLOWED_GROUPS,
  parseCursor,
  parseGroupPositions,
  type Position,
} from "../protocol/index.ts";

/**
 * Where a client is in the feeds that the URL of its connection names, as one cursor.
 *
 * An `EventSource` knows no other: it comes back with that of the last event, also when the connection is
 * gone. Bound: 32 feeds; further ones have no place in it, and begin with the state.
 */
export class FeedPlaces {
  readonly #missed: ReadonlyMap<string, Position>;
  readonly #places = new Map<string, Position>();

  /** Begins with the cursor that the client has come back with, if any. */
  constructor(cursor: string | undefined) {
    this.#missed = parseGroupPositions(cursor ?? "") ?? new Map();
  }

  /** Takes a feed in; returns the cursor behind which the client wants it. */
  add(url: string): string | undefined {
    const key = toKey(url);
    const place = this.#missed.get(key);
    if (!place) return undefined;
    this.#set(key, place);
    return formatCursor(place);
  }

  /** Goes on behind an event of a feed; returns where the client is in all of them. */
  move(url: string, cursor: string): string | undefined {
    const place = parseCursor(cursor);
    if (place) this.#set(toKey(url), place);
    return this.#places.size > 0 ? formatGroupPositions(this.#places) : undefined;
  }

  #set(key: string, place: Position): void {
    if (this.#places.has(key) || this.#places.size < MAX_FOLLOWED_GROUPS) {
      this.#places.set(key, place);
    }
  }
}

/** What a feed is called in the cursor. */
function toKey(url: string): string {
  return createHash("sha256").update(url).digest("base64url").slice(0, 6);
}
