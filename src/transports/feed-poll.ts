import type { Follower } from "../channels/index.ts";
import type { FeedEvent } from "../protocol/index.ts";
import { isGone, requestedCursor, type FeedExchange } from "./feed-exchange.ts";
import type { OpenConnection } from "./open-connections.ts";
import { schedule, type Flushable } from "./outbox.ts";
import { answerLongPoll, answerPoll, MAX_WAIT_MS } from "./poll.ts";

/**
 * Serves a poll of a feed; settles when it has been answered, or waits on its own.
 *
 * A plain poll is answered with what came since the cursor, or the state now. Its `ETag` is the
 * position, so that an unchanged feed costs a 304 without a body (RFC 9110 §13.1.2).
 *
 * A long poll, which has a `waitMs`, is answered at once when something came since the cursor, else
 * when something comes, else after the wait with no events and the same cursor. Asking with the cursor
 * of the answer acknowledges it; asking again with the old one repeats it.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc7240#section-4.3
 */
export async function serveFeedPoll(exchange: FeedExchange, waitMs?: number): Promise<void> {
  const { source } = exchange;
  const cursor = requestedCursor(exchange.request);
  const waited = waitMs === undefined ? undefined : Math.min(waitMs, MAX_WAIT_MS);
  const patienceMs = source.patienceMs(cursor, waited ?? 0);
  const poll = new FeedPoll(exchange, cursor, waited);
  poll.begin(await source.follow(poll, cursor), patienceMs);
}

/** One request for what a feed has to tell. It is over when it has been answered, or nobody is there any more. */
class FeedPoll implements Follower, OpenConnection, Flushable {
  readonly #exchange: FeedExchange;
  readonly #cursor: string | undefined;
  readonly #waitedMs: number | undefined;
  readonly #events: FeedEvent[] = [];
  #state: "arriving" | "waiting" | "over" = "arriving";
  #hasEnded = false;
  #leave: (() => void) | undefined;
  #onOver: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(exchange: FeedExchange, cursor: string | undefined, waitedMs: number | undefined) {
    this.#exchange = exchange;
    this.#cursor = cursor;
    this.#waitedMs = waitedMs;
  }

  /** Answers with what there is; waits when that is nothing. */
  begin(leave: () => void, patienceMs: number): void {
    const { connections, response } = this.#exchange;
    this.#leave = leave;
    const isReady = this.#events.length > 0 || this.#hasEnded || patienceMs <= 0;
    if (isReady || isGone(response)) return this.flush();
    this.#state = "waiting";
    this.#timer = setTimeout(this.#end, patienceMs);
    response.once("close", this.#end);
    connections.add(this);
    this.#onOver = this.#exchange.onOpen?.(this);
  }

  deliver(event: FeedEvent): void {
    this.#events.push(event);
    // What else this tick brings belongs to the same answer.
    if (this.#state === "waiting" && this.#events.length === 1) schedule(this);
  }

  end(): void {
    this.#hasEnded = true;
    if (this.#state === "waiting") this.flush();
  }

  /** A poll says nothing when it is left alone. */
  beat(): void {}

  /** Whoever comes back is asked for credentials again. */
  close(): void {
    this.flush();
  }

  goAway(): void {
    this.flush();
  }

  destroy(): void {
    this.flush();
  }

  /** Answers with what has come so far. */
  flush(): void {
    if (this.#state === "over") return;
    const { connections, request, response, source } = this.#exchange;
    if (this.#state === "waiting") {
      clearTimeout(this.#timer);
      response.off("close", this.#end);
      connections.remove(this);
    }
    this.#state = "over";
    this.#leave?.();
    const page = source.pageSince(this.#cursor, this.#events);
    this.#onOver?.();
    const answer =
      this.#waitedMs === undefined
        ? answerPoll(page, request.headers.get("if-none-match"))
        : answerLongPoll(page, this.#waitedMs);
    answer.sendTo(response);
  }

  readonly #end = (): void => this.flush();
}
