import type { FollowedEvent } from "./follow.ts";

/** An event, and where whoever takes it has to be. */
export interface SharedEvent {
  /** The cursor of the event before; `undefined` of one that is the state, wherever anybody was. */
  readonly previous: string | undefined;
  readonly event: FollowedEvent;
}

/** Events that are kept for tabs that come late, or have missed some. */
const MAX_EVENTS = 256;

/** The last events that the leading tab has heard. Bound: 256; who needs an older one starts anew. */
export class SharedLog {
  readonly #entries: SharedEvent[] = [];
  #last: string | undefined;

  constructor(cursor: string | undefined) {
    this.#last = cursor;
  }

  /** Adds what was heard, as the next, or as the state from anew. */
  add(event: FollowedEvent, isState: boolean): SharedEvent {
    const entry = { previous: isState || event.reset ? undefined : this.#last, event };
    this.#last = event.cursor;
    this.#entries.push(entry);
    if (this.#entries.length > MAX_EVENTS) this.#entries.shift();
    return entry;
  }

  /** What came after a place, or from the state on; `undefined` when that is not known any more. */
  since(cursor: string | undefined): readonly SharedEvent[] | undefined {
    if (cursor !== undefined && cursor === this.#last) return [];
    for (let index = this.#entries.length - 1; index >= 0; index--) {
      if (this.#entries[index]?.previous === cursor) return this.#entries.slice(index);
    }
    return undefined;
  }
}
