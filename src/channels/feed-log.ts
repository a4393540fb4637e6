import { randomBytes } from "node:crypto";

import {
  formatCursor,
  parseCursor,
  type FeedEvent,
  type Position,
  type ResetReason,
} from "../protocol/index.ts";

/**
 * The last events of one running feed, and the state that a newcomer starts from.
 *
 * A position is an epoch and an offset, its own or those of a group's history; a cursor names one.
 * Bound: `keep` events; what is older can no longer be continued from, and the newcomer starts from the
 * state.
 */
export class FeedLog {
  readonly #epoch: string;
  readonly #keep: number;
  #offset: number;
  /** The newest events, all of those after the offset `#from`. */
  #events: { readonly offset: number; readonly event: FeedEvent }[] = [];
  #from: number;
  /** What was true at an offset, complete in itself. */
  #state: { readonly offset: number; readonly event: FeedEvent } | undefined;
  /** Whoever has come less far needs the state anew. */
  #changedAt = 0;

  /** Begins at a position; without one, in an epoch of its own. */
  constructor(keep: number, { epoch, offset }: Position = newPosition()) {
    this.#keep = keep;
    this.#epoch = epoch;
    this.#offset = offset;
    this.#from = offset;
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** The position of the last event. */
  get cursor(): string {
    return this.cursorAt(this.#offset);
  }

  get offset(): number {
    return this.#offset;
  }

  /** Adds an event; `isState` when it is complete in itself and makes those before it history. */
  append(data: unknown, isState: boolean): FeedEvent {
    const event = this.tell(this.#offset + 1, data);
    if (isState) this.#state = { offset: this.#offset, event };
    return event;
  }

  /** Adds an event at an offset that is not before the last one. */
  tell(offset: number, data: unknown): FeedEvent {
    this.moveTo(offset);
    const event: FeedEvent = { cursor: this.cursor, data };
    this.#events.push({ offset, event });
    if (this.#events.length > this.#keep) this.#from = this.#events.shift()?.offset ?? offset;
    return event;
  }

  /** Goes on to an offset of which there is nothing to tell. */
  moveTo(offset: number): void {
    this.#offset = offset;
  }

  /** Goes on to an offset at which the state has changed. */
  moveToChange(offset: number): void {
    this.#offset = offset;
    this.#changedAt = offset;
  }

  /** Sets what was true at an offset, without telling those who follow already. */
  setState(data: unknown, offset: number): void {
    this.#state = { offset, event: { cursor: this.cursorAt(offset), data } };
  }

  /** What came after a cursor, or `undefined` when that can no longer be said. */
  since(cursor: string): readonly FeedEvent[] | undefined {
    const position = parseCursor(cursor);
    if (!position || position.epoch !== this.#epoch) return undefined;
    const later = this.after(position.offset);
    return later && position.offset < this.#changedAt ? this.state() : later;
  }

  /** The state and what came after it, or `undefined` when there is none that leads up to now. */
  state(reason?: ResetReason): readonly FeedEvent[] | undefined {
    const later = this.#state && this.after(this.#state.offset);
    if (!this.#state || !later) return undefined;
    const { event } = this.#state;
    return [reason ? { ...event, reset: { reason } } : event, ...later];
  }

  /** What came after an offset, or `undefined` when that is no longer kept. */
  after(offset: number): readonly FeedEvent[] | undefined {
    if (offset > this.#offset || offset < this.#from) return undefined;
    const first = this.#events.findIndex((each) => each.offset > offset);
    return first === -1 ? [] : this.#events.slice(first).map(({ event }) => event);
  }

  /** Why it cannot be told what came after a cursor. */
  lossAfter(cursor: string): ResetReason {
    const position = parseCursor(cursor);
    const isOurs = position?.epoch === this.#epoch && position.offset <= this.#offset;
    return isOurs ? "evicted" : "epoch-changed";
  }

  /** Up to which offset somebody with a good cursor has seen everything, here or in another process. */
  seenBy(cursor: string): number {
    const position = parseCursor(cursor);
    return position?.epoch === this.#epoch ? Math.max(position.offset, this.#offset) : this.#offset;
  }

  cursorAt(offset: number): string {
    return formatCursor({ epoch: this.#epoch, offset });
  }
}

function newPosition(): Position {
  return { epoch: randomBytes(6).toString("base64url"), offset: 0 };
}
