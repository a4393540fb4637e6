import type { FeedEvent } from "../protocol/index.ts";
import type { ConnectionParts } from "./connection.ts";
import type { AskedFeed } from "./follow-feed.ts";
import type { Refusal } from "./refusal.ts";

/** What a client calls a feed that it follows. */
export type FeedName = number | string;

/** A feed that a client follows, under a name of its own. */
export interface NamedFeed extends AskedFeed {
  readonly feed: FeedName;
}

/** Where a client is in several feeds when it has the event of one; nothing to whom it needs not be told. */
type PlaceAt = (cursor: string) => string | undefined;

interface Followed {
  isOver: boolean;
  leave: (() => void) | undefined;
}

/**
 * The feeds that one connection carries, each for itself: one that is refused or fails ends no other.
 *
 * Bound: `maxFeeds`; one more is refused with FEED_TOO_MANY.
 */
export class FollowedFeeds {
  readonly #maxFeeds: number;
  readonly #feeds = new Map<FeedName, Followed>();
  /** How many are being joined, those among them that were left meanwhile. */
  #joins = 0;

  constructor(maxFeeds: number) {
    this.#maxFeeds = maxFeeds;
  }

  /** Follows a feed, unless one of this name is followed already. */
  follow(
    { port, context, followFeed }: ConnectionParts,
    { feed, ...asked }: NamedFeed,
    placeAt?: PlaceAt,
  ): void {
    if (this.#feeds.has(feed)) return;
    const start = `{"feed":${JSON.stringify(feed)},`;
    const followed: Followed = { isOver: false, leave: undefined };
    const tell = (fields: string, place?: string): void => {
      if (!followed.isOver) port.send({ json: start + fields }, place);
    };
    const end = (fields: string): void => {
      tell(fields);
      this.#end(followed);
      if (this.#feeds.get(feed) === followed) this.#feeds.delete(feed);
    };
    if (!followFeed) return end(toFields(NO_SERVER));
    if (Math.max(this.#feeds.size, this.#joins) >= this.#maxFeeds)
      return end(toFields(tooMany(this.#maxFeeds)));
    this.#feeds.set(feed, followed);
    const following = followFeed(context, asked, {
      deliver: (event) => tell(encode(event), placeAt?.(event.cursor)),
      end: (error) => end(error ? toFields(FAILED) : '"end":true}'),
      refuse: (refusal) => end(toFields(refusal)),
    });
    this.#joins += 1;
    void this.#open(followed, following, () => tell('"open":true}'));
  }

  leave(feed: FeedName): void {
    const followed = this.#feeds.get(feed);
    this.#feeds.delete(feed);
    if (followed) this.#end(followed);
  }

  leaveAll(): void {
    for (const feed of this.#feeds.keys()) this.leave(feed);
  }

  async #open(
    followed: Followed,
    following: Promise<() => void>,
    tellOpen: () => void,
  ): Promise<void> {
    followed.leave = await following;
    this.#joins -= 1;
    if (followed.isOver) followed.leave();
    else tellOpen();
  }

  #end(followed: Followed): void {
    followed.isOver = true;
    followed.leave?.();
  }
}

const FAILED: Refusal = {
  status: 503,
  code: "FEED_FAILED",
  message: "the feed has failed; ask again",
};

/** Of a test without a server. */
const NO_SERVER: Refusal = {
  status: 404,
  code: "REQUEST_NOT_FOUND",
  message: "there are no feeds",
};

function tooMany(maxFeeds: number): Refusal {
  return {
    status: 403,
    code: "FEED_TOO_MANY",
    message: `expected at most ${maxFeeds} feeds over one connection`,
  };
}

function toFields({ status, code, message }: Refusal): string {
  return JSON.stringify({ error: { code, message }, status }).slice(1);
}

let last: FeedEvent | undefined;
let lastFields = "";

/** The fields of an event, written once for all who follow: they are handed it one right after the other. */
function encode(event: FeedEvent): string {
  if (event !== last) {
    last = event;
    lastFields = JSON.stringify(event).slice(1);
  }
  return lastFields;
}
