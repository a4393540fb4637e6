import type { Follower } from "./feed-source.ts";
import type { Refusal } from "./refusal.ts";
import type { RouteContext } from "./route-context.ts";

/** A feed that a client asks for over a connection which is open already. */
export interface AskedFeed {
  /** Where it is, from the connection's own URL on. */
  readonly url: string;
  readonly cursor: string | undefined;
}

/** Somebody who follows one feed among others. The calls are synchronous, and MUST NOT throw. */
export interface FeedListener extends Follower {
  /** It may not be followed, or not any more, or not now; nothing else comes. */
  refuse(refusal: Refusal): void;
}

/**
 * Follows a feed, as if its URL had been requested with what the connection's request has presented:
 * through the middleware before it, and its own `authorize`.
 *
 * Returns what leaves it. Never rejects: the listener is told.
 */
export type FollowFeed = (
  context: RouteContext,
  asked: AskedFeed,
  listener: FeedListener,
) => Promise<() => void>;
