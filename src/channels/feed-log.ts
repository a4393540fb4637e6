import { randomBytes } from "node:crypto";

import { formatCursor, parseCursor, type FeedEvent } from "../protocol/index.ts";

/**
 * The last events of one running feed, and the state that a newcomer starts from.
 *
 * A position is the log's epoch and the offset of its last event; a cursor names one. Bound: `keep`
 * events; what is older can no longer be continued from, and the newcomer starts from the state.
 */
export class FeedLog {
  readonly #epoch = randomBytes(6).toString("base64url");
  readonly #keep: number;
  #offset = 0;
  /** The newest events, without a hole; the last one has the offset `#offset`. */
  #events: FeedEvent[] = [];
  /** What was true at an offset, complete in itself. */
  #state: { readonly offset: number; readonly event: FeedEvent } | undefined;

  constructor(keep: number) {
    this.#keep = keep;
  }

  /** The position of the last event. */
  get cursor(): string {
    return this.#cursorAt(this.#offset);
  }

  get offset(): number {
    return this.#offset;
  }

  /** Adds an event; `isState` when it is complete in itself and makes those before it history. */
  append(data: unknown, isState: boolean): FeedEvent {
    this.#offset += 1;
    const event: FeedEvent = { cursor: this.cursor, data };
    this.#events.push(event);
    if (this.#events.length > this.#keep) this.#events.shift();
    if (isState) this.#state = { offset: this.#offset, event };
    return event;
  }

  /** Sets what was true at an offset, without telling those who follow already. */
  setState(data: unknown, offset: number): void {
    this.#state = { offset, event: { cursor: this.#cursorAt(offset), data } };
  }

  /** What came after a cursor, or `undefined` when that can no longer be said. */
  since(cursor: string): readonly FeedEvent[] | undefined {
    const position = parseCursor(cursor);
    if (!position || position.epoch !== this.#epoch) return undefined;
    return this.after(position.offset);
  }

  /** The state and what came after it, or `undefined` when there is none that leads up to now. */
  state(): readonly FeedEvent[] | undefined {
    const later = this.#state && this.after(this.#state.offset);
    return this.#state && later && [this.#state.event, ...later];
  }

  /** What came after an offset, or `undefined` when that is no longer kept. */
  after(offset: number): readonly FeedEvent[] | undefined {
    const count = this.#offset - offset;
    if (count < 0 || count > this.#events.length) return undefined;
    return count === 0 ? [] : this.#events.slice(-count);
  }

  #cursorAt(offset: number): string {
    return formatCursor({ epoch: this.#epoch, offset });
  }
}
