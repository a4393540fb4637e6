import { assertKnownOptions, assertPositiveInteger, optionNames } from "../core/options.ts";
import { consumer, type ConsumerDefinition } from "./consumer.ts";
import { followMessage, leaveMessage } from "./feed-message.ts";
import { FeedPlaces } from "./feed-places.ts";
import { FollowedFeeds } from "./followed-feeds.ts";
import { cursorOf } from "./session-groups.ts";

/** Where the feeds of a page share a connection, and how many. */
export interface FeedConnectionOptions {
  /** @default "/feeds" */
  readonly path?: string | undefined;
  /** How many feeds one connection may follow. @default 100 */
  readonly maxFeeds?: number | undefined;
}

const MAX_FEEDS = 100;

const NAMES = optionNames<FeedConnectionOptions>({
  path: true,
  maxFeeds: true,
});

/**
 * One connection for all the feeds that a page follows: `connectFeeds` of the client opens it.
 *
 * It is a consumer whose messages are `follow` and `leave`, so it works over every delivery. Each feed
 * is let through by its own middleware and `authorize`, as if its URL had been requested with the
 * headers that the connection has come with; it is resumed by its own cursor, and ends by itself.
 * PROTOCOL.md 11 has what is said.
 *
 * Bound: `maxFeeds` for each connection; one more is refused with FEED_TOO_MANY.
 *
 * @throws {TidingsError} ROUTE_INVALID for a bad path, OPTION_INVALID for a bad `maxFeeds`, or an
 *   option that nobody knows.
 */
export function feedConnection(options: FeedConnectionOptions = {}): ConsumerDefinition {
  assertKnownOptions("`feedConnection`", options, NAMES);
  const { path = "/feeds", maxFeeds = MAX_FEEDS } = options;
  assertPositiveInteger("maxFeeds", maxFeeds);
  return consumer({
    path,
    state: () => new FollowedFeeds(maxFeeds),
    receives: { follow: followMessage, leave: leaveMessage },
    connect(connection) {
      const { state: feeds, request, signal } = connection;
      connection.accept();
      signal.addEventListener("abort", () => feeds.leaveAll(), { once: true });
      const places = new FeedPlaces(cursorOf(request));
      for (const url of new URL(request.url).searchParams.getAll("follow")) {
        const named = { feed: url, url, cursor: places.add(url) };
        feeds.follow(connection.parts, named, (cursor) => places.move(url, cursor));
      }
    },
    receive: {
      follow: (connection, message) => connection.state.follow(connection.parts, message),
      leave: (connection, { feed }) => connection.state.leave(feed),
    },
  });
}
