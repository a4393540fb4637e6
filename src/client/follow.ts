import { assertPositiveInteger, invalidOption } from "../core/options.ts";
import type { FeedEvent } from "../protocol/index.ts";
import { reconnecting } from "./reconnecting.ts";
import { resolveUrl } from "./resolve-url.ts";
import type { StatusListener } from "./status.ts";
import { Traffic, type TrafficTotals } from "./traffic.ts";
import { followLongPoll } from "./transports/long-poll.ts";
import { followNdjson } from "./transports/ndjson.ts";
import { followPoll } from "./transports/poll.ts";
import { followSse } from "./transports/sse.ts";
import type { Place, Transport } from "./transports/transport.ts";
import { followWebSocket } from "./transports/websocket.ts";

/** The ways to hear a feed. */
export const TRANSPORTS = ["websocket", "sse", "ndjson", "long-poll", "poll"] as const;

/** One of {@link TRANSPORTS}. */
export type TransportName = (typeof TRANSPORTS)[number];

/** How to follow a feed. */
export interface FollowOptions {
  /** @default "websocket" */
  readonly transport?: TransportName | undefined;
  /** How long plain polling rests between two requests, in milliseconds. @default 5_000 */
  readonly pollMs?: number | undefined;
  /** Where to go on: the cursor of the last event that is known. Without it, the state now. */
  readonly cursor?: string | undefined;
  /** Ends the following, without an error. */
  readonly signal?: AbortSignal | undefined;
  readonly onStatus?: StatusListener | undefined;
  /** Told of requests and bytes, whenever there are more. */
  readonly onTraffic?: ((totals: TrafficTotals) => void) | undefined;
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
  /** Present when the cursor could not be continued from, and this is the state from anew. */
  readonly reset?: true;
}

/** What the events of a feed carry. */
export type DataOf<TFeed extends FeedTypes> = TFeed extends {
  readonly types?: { readonly data: infer TData } | undefined;
}
  ? TData
  : unknown;

const transports: Readonly<Record<TransportName, Transport>> = {
  websocket: followWebSocket,
  sse: followSse,
  ndjson: followNdjson,
  "long-poll": followLongPoll,
  poll: followPoll,
};

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
  const { transport = "websocket", pollMs = 5_000, maxBuffered = 256 } = options;
  if (!TRANSPORTS.includes(transport)) {
    throw invalidOption("transport", `one of ${TRANSPORTS.join(", ")}`, transport);
  }
  const url = resolveUrl(address);
  assertPositiveInteger("pollMs", pollMs);
  assertPositiveInteger("maxBuffered", maxBuffered);
  const events = run({ ...options, url, open: transports[transport], pollMs, maxBuffered });
  // oxlint-disable-next-line no-unsafe-type-assertion -- here the feed's type is believed
  return events as AsyncGenerator<FollowedEvent<DataOf<TFeed>>, void>;
}

interface Following extends FollowOptions {
  readonly url: URL;
  readonly open: Transport;
  readonly pollMs: number;
  readonly maxBuffered: number;
}

async function* run({
  open,
  onStatus,
  onTraffic,
  ...options
}: Following): AsyncGenerator<FeedEvent, void> {
  const place: Place = { cursor: options.cursor };
  // Leaving the loop ends a request that is still under way.
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, ...(options.signal ? [options.signal] : [])]);
  const request = { ...options, place, signal, traffic: new Traffic(onTraffic) };
  const events = reconnecting((opened) => open({ ...request, opened }), {
    signal,
    onStatus: (change) => onStatus?.(change),
  });
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
