import { isTidingsError, TidingsError } from "../core/errors.ts";
import { CarriedFeed, isFeedFrame, type FeedFrame } from "./carried-feed.ts";
import { checkOptions, CONNECTION_OPTIONS } from "./check-options.ts";
import type { ConnectOptions } from "./connect-options.ts";
import { connect } from "./connect.ts";
import type { ClientConnection } from "./connection.ts";
import type { FollowOptions, FollowRequest } from "./follow.ts";
import { Interruption } from "./interruption.ts";
import type { Attempt, AttemptOptions } from "./reconnecting.ts";
import { Refusal } from "./refusal.ts";
import { resolveUrl } from "./resolve-url.ts";
import type { Closing, StatusChange } from "./status.ts";
import {
  transportNames,
  type TransportName,
  type TransportNames,
} from "./transports/transport-names.ts";
import { ENDED } from "./transports/transport.ts";

/** How to connect for feeds. */
export type ConnectFeedsOptions = Pick<
  ConnectOptions,
  "token" | "transport" | "pollMs" | "onStatus" | "onTraffic"
>;

/**
 * Makes one connection for all the feeds of a page: `follow(address, { over: connectFeeds() })`.
 *
 * It is opened with the first feed that is followed over it, to where the server has its
 * `feedConnection`, and closed a second after the last one was left. When it breaks, each feed goes on
 * behind its own last event; one that is refused or fails ends by itself, and no other. To be made once.
 *
 * @throws {TidingsError} OPTION_INVALID.
 */
export function connectFeeds(
  address: string | URL = "/feeds",
  options: ConnectFeedsOptions = {},
): FeedsConnection {
  return new FeedsConnection(address, options);
}

/** A page that shows something else next may well follow the same. */
const LINGER_MS = 1_000;
const ANSWER_TIMEOUT_MS = 30_000;
const UNAUTHENTICATED = 401;
/** What a feed cannot have of its own. */
const SHARED_OPTIONS = ["token", "transport", "pollMs", "onTraffic"] as const;

/** One connection for many feeds; see {@link connectFeeds}. */
export class FeedsConnection {
  readonly #address: string | URL;
  readonly #names: TransportNames;
  readonly #options: ConnectFeedsOptions;
  readonly #feeds = new Map<number, CarriedFeed>();
  #lastFeed = 0;
  #connection: ClientConnection | undefined;
  #change: StatusChange;
  #closing: AbortController | undefined;
  #begunAt = 0;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(address: string | URL, options: ConnectFeedsOptions) {
    // Opened with the first feed, it would complain of these only then.
    checkOptions(options, CONNECTION_OPTIONS);
    this.#names = transportNames(options.transport);
    this.#change = this.#beginning;
    this.#address = address;
    this.#options = options;
  }

  /** Where it is, or will be. @internal */
  get url(): URL {
    return resolveUrl(this.#address);
  }

  /** What carries it, or will first be tried. @internal */
  get transport(): TransportName {
    return this.#change.transport;
  }

  /**
   * Checks what is to be followed over it.
   *
   * @throws {TidingsError} OPTION_INVALID for a feed of another site, and for what only a connection can have.
   * @internal
   */
  check({ origin }: URL, options: FollowOptions): void {
    const expected = this.url.origin;
    if (origin !== expected) {
      throw new TidingsError("OPTION_INVALID", `expected a feed of ${expected}, got ${origin}`);
    }
    const name = SHARED_OPTIONS.find((each) => options[each] !== undefined);
    if (name === undefined) return;
    throw new TidingsError(
      "OPTION_INVALID",
      `expected \`${name}\` to be given to connectFeeds: the connection has it for all its feeds`,
    );
  }

  /** Makes attempts to follow a feed over it. @internal */
  attempt(request: FollowRequest): Attempt<unknown> {
    return (attempt) => this.#carry({ ...request, ...attempt });
  }

  async *#carry(options: FollowRequest & AttemptOptions): AsyncGenerator<unknown, Closing> {
    const id = ++this.#lastFeed;
    const feed = new CarriedFeed(options, this.transport);
    this.#feeds.set(id, feed);
    clearTimeout(this.#closeTimer);
    this.#connection ??= this.#open();
    this.#ask(id, feed);
    try {
      return yield* feed.frames();
    } finally {
      this.#leave(id);
    }
  }

  get #beginning(): StatusChange {
    return { status: "connecting", transport: this.#names[0] };
  }

  #open(): ClientConnection {
    const closing = new AbortController();
    this.#closing = closing;
    this.#forget();
    const { signal } = closing;
    const connection = connect(this.#address, {
      ...this.#options,
      signal,
      onReset: () => {
        this.#forget();
        // Between two polls nothing else tells; by then the new connection carries messages.
        queueMicrotask(() => this.#askAll());
      },
      onStatus: (change) => {
        // One that was closed here says so to the page, and to no feed.
        if (!signal.aborted) this.#enter(change);
        this.#options.onStatus?.(change);
      },
    });
    connection.onMessage((message) => {
      if (!signal.aborted && isFeedFrame(message)) this.#take(message);
    });
    return connection;
  }

  #close(): void {
    this.#closing?.abort();
    this.#connection = undefined;
    this.#change = this.#beginning;
  }

  /** Another connection begins, of which nobody has asked for anything. */
  #forget(): void {
    this.#begunAt = Date.now();
    for (const feed of this.#feeds.values()) feed.forget();
  }

  #enter(change: StatusChange): void {
    this.#change = change;
    if (change.status === "closed") {
      this.#close();
      for (const feed of this.#feeds.values()) feed.fail(toError(change));
    }
    for (const feed of this.#feeds.values()) feed.enter(change);
    this.#askAll();
  }

  #askAll(): void {
    for (const [id, feed] of this.#feeds) this.#ask(id, feed);
  }

  #take(frame: FeedFrame): void {
    const feed = this.#feeds.get(frame.feed);
    if (!feed) return;
    const isRefused = frame.status === UNAUTHENTICATED;
    if (isRefused && feed.takeRenewal(this.#begunAt)) return this.#beginAnew();
    feed.take(frame, this.#change);
    if (feed.isOver) this.#leave(frame.feed);
  }

  /** The next connection presents what there is now; each feed goes on behind its last event. */
  #beginAnew(): void {
    this.#close();
    this.#connection = this.#open();
  }

  /** Asks for a feed, if that is possible just now and has not been done. */
  #ask(id: number, feed: CarriedFeed): void {
    if (feed.isAsked || feed.isOver || this.#change.status !== "open") return;
    feed.ask();
    const { path: url, cursor } = feed;
    this.#send({ type: "follow", feed: id, url, cursor }).catch((thrown: unknown) => {
      // Of another connection, over which it is asked for again.
      if (isTidingsError(thrown, "CLIENT_CLOSED")) return;
      const isFinal = isTidingsError(thrown, "MESSAGE_INVALID");
      feed.fail(isFinal ? thrown : Interruption.from(thrown));
    });
  }

  #leave(id: number): void {
    const feed = this.#feeds.get(id);
    this.#feeds.delete(id);
    // When it is not heard, the connection is gone, and so is the feed there.
    if (feed?.isAsked) this.#send({ type: "leave", feed: id }).catch(() => {});
    if (this.#feeds.size > 0) return;
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => this.#close(), LINGER_MS);
  }

  async #send(message: object): Promise<void> {
    await this.#connection?.send(message, { timeoutMs: ANSWER_TIMEOUT_MS });
  }
}

/** Why the connection, and with it every feed, is over. */
function toError({ code, reason = ENDED.reason }: StatusChange): TidingsError {
  if (code !== undefined) return new Refusal(code, reason);
  // Without a code, what else ends a connection for good is an answer that is none of the protocol.
  return new TidingsError(reason === ENDED.reason ? "CLIENT_CLOSED" : "CLIENT_PROTOCOL", reason);
}
