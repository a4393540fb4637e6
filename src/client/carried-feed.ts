import { isRecord } from "../core/is-record.ts";
import { isErrorBody } from "../protocol/index.ts";
import type { FollowRequest } from "./follow.ts";
import { Interruption } from "./interruption.ts";
import type { AttemptOptions } from "./reconnecting.ts";
import { Refusal } from "./refusal.ts";
import type { Closing, Status, StatusChange } from "./status.ts";
import { isTemporary } from "./transports/request.ts";
import type { TransportName } from "./transports/transport-names.ts";
import { ENDED } from "./transports/transport.ts";

/** What a connection brings for one of its feeds (PROTOCOL.md 11.3). */
export interface FeedFrame {
  readonly feed: number;
  readonly open?: true;
  /** The HTTP status with which a request for the feed would be refused. */
  readonly status?: number;
}

/** Whether a message is about a feed. */
export function isFeedFrame(message: unknown): message is FeedFrame {
  return isRecord(message) && "feed" in message;
}

/** What a connection has presented when it began may have been renewed since, by then. */
const STALE_MS = 5_000;

/** How one feed is heard over a connection that it shares. */
export type CarriedFeedOptions = FollowRequest & AttemptOptions;

type FeedState = "unasked" | "asked" | "heard" | "ended";

/**
 * One feed over a connection that it shares, from when it is followed until that breaks, ends or is refused.
 *
 * | state   | what is true                                          | left when                            |
 * | ------- | ----------------------------------------------------- | ------------------------------------ |
 * | unasked | the server knows nothing of it, over this connection  | that is open: asked                  |
 * | asked   | the server was asked for it                           | it lets it through: heard; refuses it: ended; another connection begins: unasked |
 * | heard   | its events come                                       | it ends or fails: ended; another connection begins: unasked |
 * | ended   | the server has left it                                | never                                |
 *
 * Its reader may leave it in any of them. Bound: at `maxBuffered` waiting events it is left, and followed again behind the last one that was read.
 */
export class CarriedFeed {
  /** Of the last event that has come. */
  cursor: string | undefined;
  readonly #options: CarriedFeedOptions;
  readonly #frames: unknown[] = [];
  #state: FeedState = "unasked";
  /** Whether it was said to be open. */
  #wasOpen = false;
  #askedAt = 0;
  /** Whether a connection was begun anew for it, and has not let it through yet. */
  #isRenewed = false;
  #told: Status = "connecting";
  #transport: TransportName;
  #error: Error | undefined;
  #wake = (): void => {};

  constructor(options: CarriedFeedOptions, transport: TransportName) {
    this.#options = options;
    this.#transport = transport;
    this.cursor = options.place.cursor;
  }

  /** Where it is, as the server sees it. */
  get path(): string {
    const { pathname, search } = this.#options.url;
    return pathname + search;
  }

  /** Whether the server has it, as far as is known here. */
  get isAsked(): boolean {
    return this.#state === "asked" || this.#state === "heard";
  }

  /** Whether it needs nothing more of the connection. */
  get isOver(): boolean {
    return this.#state === "ended" || this.#error !== undefined || this.#options.signal.aborted;
  }

  /** Its frames, as a transport yields them. */
  async *frames(): AsyncGenerator<unknown, Closing> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      for (;;) {
        if (signal.aborted) return ENDED;
        const frame = this.#frames.shift();
        if (frame !== undefined) yield frame;
        else if (this.#error) throw this.#error;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** The server is asked for it. */
  ask(): void {
    this.#state = "asked";
    this.#askedAt = Date.now();
  }

  /**
   * Whether it was refused for what the connection presented so long before that there may be something newer.
   *
   * Once, until it is let through: what is refused again is refused.
   */
  takeRenewal(presentedAt: number): boolean {
    const judgedAt = this.#state === "heard" ? Date.now() : this.#askedAt;
    if (this.#isRenewed || judgedAt - presentedAt <= STALE_MS) return false;
    this.#isRenewed = true;
    return true;
  }

  /** Takes what the connection brings for it. */
  take({ feed: _feed, open, status = 0, ...frame }: FeedFrame, change: StatusChange): void {
    if (this.isOver) return;
    this.#state = "error" in frame || "end" in frame ? "ended" : "heard";
    if (isErrorBody(frame)) {
      const { code, message } = frame.error;
      const closeCode = 4000 + status;
      return this.fail(
        isTemporary(status)
          ? new Interruption(message, { code: closeCode })
          : new Refusal(closeCode, message, code),
      );
    }
    this.#isRenewed = false;
    this.enter(change);
    if (open) return;
    if (this.#frames.length >= this.#options.maxBuffered) {
      return this.fail(new Interruption("the reader was too slow", { isOurs: true }));
    }
    if ("cursor" in frame && typeof frame.cursor === "string") this.cursor = frame.cursor;
    this.#frames.push(frame);
    this.#wake();
  }

  /** The connection is another one than before, of which nobody has asked for it. */
  forget(): void {
    if (this.#state !== "ended") this.#state = "unasked";
  }

  /** Takes note of how the connection is doing. */
  enter(change: StatusChange): void {
    const { status, transport } = change;
    const isNews = status !== this.#told || transport !== this.#transport || status === "waiting";
    const isUnheard = this.#state === "unasked" || this.#state === "asked";
    if (status === "closed" || !isNews || (status === "open" && isUnheard)) return;
    this.#told = status;
    this.#transport = transport;
    this.#options.onTransport(transport);
    if (status !== "open" || this.#wasOpen) return this.#options.onChange(change);
    this.#wasOpen = true;
    this.#options.opened();
  }

  /** Ends it, behind what waits. An {@link Interruption} is followed by another attempt. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#wake();
  }
}
