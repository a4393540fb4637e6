import { TidingsError } from "../core/errors.ts";
import { assertPositiveInteger } from "../core/options.ts";
import {
  isFeedEnd,
  isFeedEvent,
  isFeedReset,
  type FeedEvent,
  type Reset,
} from "../protocol/index.ts";
import { checkOptions, CONNECTION_OPTIONS, type OptionTypes } from "./check-options.ts";
import type { FeedsConnection } from "./connect-feeds.ts";
import { countTraffic } from "./count-traffic.ts";
import { reconnecting, type Attempt } from "./reconnecting.ts";
import { resolveUrl } from "./resolve-url.ts";
import type { AttemptChange, Closing, StatusListener } from "./status.ts";
import type { TokenSource } from "./token.ts";
import type { TrafficListener } from "./traffic.ts";
import { overTransports } from "./transports/over-transports.ts";
import {
  transportNames,
  type TransportChoice,
  type TransportName,
  type TransportNames,
} from "./transports/transport-names.ts";
import { ENDED, type Place } from "./transports/transport.ts";

/** How to follow a feed. */
export interface FollowOptions {
  /**
   * How to hear it: one way, or several in the order in which they are tried. Whichever it is, nothing is
   * lost or repeated, also when it changes.
   *
   * @default websocket, sse, long-poll, poll
   */
  readonly transport?: TransportChoice | undefined;
  /**
   * One connection for all that a page follows, which {@link connectFeeds} makes: from its address on
   * addresses are resolved. It has `transport`, `pollMs`, `token` and `onTraffic` then, for all together.
   */
  readonly over?: FeedsConnection | undefined;
  /** How long plain polling rests between two requests, in milliseconds. @default 5_000 */
  readonly pollMs?: number | undefined;
  /** Where to go on: the cursor of the last event that is known. Without it, the state now. */
  readonly cursor?: string | undefined;
  /** For a server that asks for a token: makes one before every request. */
  readonly token?: TokenSource | undefined;
  /** Ends the following, without an error. */
  readonly signal?: AbortSignal | undefined;
  readonly onStatus?: StatusListener | undefined;
  /** Told of requests and bytes, whenever there are more. */
  readonly onTraffic?: TrafficListener | undefined;
  /** How many events may wait for a slow reader of a WebSocket. @default 256 */
  readonly maxBuffered?: number | undefined;
}

/** The type of a feed, of which a client knows nothing but what its events carry. */
export interface FeedTypes {
  readonly types?: { readonly data: unknown } | undefined;
}

/** An event of a feed, as a client hears it. */
export interface FollowedEvent<TData = unknown> {
  /** Where to go on after this event. */
  readonly cursor: string;
  readonly data: TData;
  /** Why the cursor could not be continued from, when this is the state from anew. */
  readonly reset?: Reset;
}

/** What the events of a feed carry. */
export type DataOf<TFeed extends FeedTypes> = TFeed extends {
  readonly types?: { readonly data: infer TData } | undefined;
}
  ? TData
  : unknown;

/**
 * Follows a feed, whatever happens to the network.
 *
 * Yields the state first and then every event, each once and in order. When the connection breaks it
 * comes back by itself and goes on after the last event that was taken, or from the state anew (`reset`)
 * when the server no longer knows what came since. Ends when the feed ends or the signal fires; leaving
 * the loop ends it as well, at the next event.
 *
 * Bound: a reader that is slower than the feed slows down an HTTP response; a WebSocket is closed at
 * `maxBuffered` waiting events, and continued from there.
 *
 * The types come from the server's definition: `follow<typeof topics>("/topics")`. They are not checked
 * here; they are as true as the server is the one that the definition is from.
 *
 * @throws {TidingsError} REQUEST_UNAUTHENTICATED, REQUEST_FORBIDDEN, REQUEST_NOT_FOUND and the like
 *   when the server refuses, CLIENT_PROTOCOL when what answers is no feed, OPTION_INVALID and
 *   APP_INVALID_URL at once for what it was called with.
 */
export function follow<TFeed extends FeedTypes = FeedTypes>(
  address: string | URL,
  options: FollowOptions = {},
): AsyncGenerator<FollowedEvent<DataOf<TFeed>>, void> {
  const { pollMs = 5_000, maxBuffered = 256 } = options;
  checkOptions(options, OPTIONS);
  const { over } = options;
  const names = over ? ([over.transport] as const) : transportNames(options.transport);
  const url = resolveUrl(address, over?.url);
  over?.check(url, options);
  assertPositiveInteger("pollMs", pollMs);
  assertPositiveInteger("maxBuffered", maxBuffered);
  const events = run({ ...options, url, names, pollMs, maxBuffered });
  // oxlint-disable-next-line no-unsafe-type-assertion -- here the feed's type is believed
  return events as AsyncGenerator<FollowedEvent<DataOf<TFeed>>, void>;
}

const OPTIONS: OptionTypes<FollowOptions> = {
  ...CONNECTION_OPTIONS,
  signal: "object",
  over: "object",
  cursor: "string",
  maxBuffered: "number",
};

/** A feed that is to be heard over a connection which it shares. */
export interface FollowRequest {
  readonly url: URL;
  readonly place: Place;
  readonly maxBuffered: number;
  readonly onTransport: (name: TransportName) => void;
  /** Told how the connection is doing, while an attempt lasts. */
  readonly onChange: (change: AttemptChange) => void;
}

interface Following extends FollowOptions {
  readonly url: URL;
  readonly names: TransportNames;
  readonly pollMs: number;
  readonly maxBuffered: number;
}

async function* run({
  names,
  over,
  onStatus,
  onTraffic,
  ...options
}: Following): AsyncGenerator<FeedEvent, void> {
  const place: Place = { cursor: options.cursor };
  // Leaving the loop ends a request that is still under way.
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, ...(options.signal ? [options.signal] : [])]);
  const traffic = await countTraffic(onTraffic);
  const request = { ...options, place, traffic };
  let [transport] = names;
  const onTransport = (name: TransportName): void => void (transport = name);
  const onChange = (change: AttemptChange): void => onStatus?.({ ...change, transport });
  const attempt = over
    ? over.attempt({ ...request, onTransport, onChange })
    : overTransports(names, request, onTransport);
  const events = reconnecting(untilEnd(attempt), { signal, onStatus: onChange });
  try {
    for await (const event of events) {
      if (signal.aborted) return;
      // The place moves when the reader has the event, so that nothing that waits is ever skipped.
      place.cursor = event.cursor;
      yield event;
    }
  } finally {
    left.abort();
  }
}

/** The events of a feed, up to the one that says that it has ended. */
function untilEnd(attempt: Attempt<unknown>): Attempt<FeedEvent> {
  return async function* hear(options): AsyncGenerator<FeedEvent, Closing> {
    const frames = attempt(options);
    /** An event stream says it before the event. */
    let reset: Reset | undefined;
    try {
      for (;;) {
        const { done, value } = await frames.next();
        if (done) return value;
        if (isFeedEnd(value)) return ENDED;
        if (isFeedEvent(value)) {
          yield reset ? { ...value, reset } : value;
          reset = undefined;
        } else if (isFeedReset(value) && !("connection" in value)) ({ reset } = value);
        else throw new TidingsError("CLIENT_PROTOCOL", "expected a feed");
      }
    } finally {
      await frames.return(ENDED);
    }
  };
}
