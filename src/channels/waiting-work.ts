import { BoundedQueue } from "../core/bounded-queue.ts";
import type { ClientFrame, ConnectionPort } from "./connection-port.ts";
import type { Reaction } from "./event-dispatch.ts";
import type { RecordedReaction } from "./session-groups.ts";

/** Events that wait for a connection's handlers; beyond it the layer drops them for it. */
const MAX_WAITING_EVENTS = 100;
/** Client messages that wait before the socket is read no further, and when it is read again. */
const PAUSE_AT = 64;
const RESUME_AT = 16;

/**
 * What waits for the handlers of one connection: events and messages of the client, taken in turn.
 *
 * Bounds: 100 events; 64 messages, then the client is no longer read (what one read brought may still
 * wait).
 */
export class WaitingWork {
  readonly #port: ConnectionPort;
  #messages: ClientFrame[] | undefined;
  #events: BoundedQueue<Reaction | RecordedReaction> | undefined;
  #isEventsTurn = false;
  #isPaused = false;

  constructor(port: ConnectionPort) {
    this.#port = port;
  }

  get eventCount(): number {
    return this.#events?.size ?? 0;
  }

  get isEmpty(): boolean {
    return this.eventCount === 0 && !this.#messages?.length;
  }

  addMessage(frame: ClientFrame): void {
    this.#messages ??= [];
    this.#messages.push(frame);
    if (this.#messages.length < PAUSE_AT || this.#isPaused) return;
    this.#isPaused = true;
    this.#port.pause();
  }

  /** `false` when there is no room for it. */
  addEvent(reaction: Reaction | RecordedReaction): boolean {
    this.#events ??= new BoundedQueue(MAX_WAITING_EVENTS);
    return this.#events.push(reaction);
  }

  /** The next event or message, of which only events have a `kind`. */
  next(): ClientFrame | Reaction | RecordedReaction | undefined {
    const hasMessages = Boolean(this.#messages?.length);
    this.#isEventsTurn = this.eventCount > 0 && (!hasMessages || !this.#isEventsTurn);
    return this.#isEventsTurn ? this.#events?.shift() : this.#nextMessage();
  }

  dropMessages(): void {
    this.#messages = undefined;
  }

  dropEvents(): void {
    this.#events = undefined;
  }

  #nextMessage(): ClientFrame | undefined {
    const frame = this.#messages?.shift();
    if (this.#isPaused && (this.#messages?.length ?? 0) <= RESUME_AT) {
      this.#isPaused = false;
      this.#port.resume();
    }
    return frame;
  }
}
