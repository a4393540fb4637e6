import {
  follow,
  type DataOf,
  type FeedTypes,
  type FollowedEvent,
  type FollowOptions,
} from "./follow.ts";
import { resolveUrl } from "./resolve-url.ts";
import { SharedTab } from "./shared-tab.ts";

/**
 * Follows a feed, as {@link follow} does, over one connection for all tabs of a site.
 *
 * One tab holds the connection, and tells the others what it hears; when it closes, another one goes on
 * after the last event. A tab that comes late begins with the state. Nothing is lost or repeated: a tab
 * that cannot be told what it has missed starts over from the state (`reset`). Where the browser has no
 * Web Locks or no BroadcastChannel, as outside of HTTPS, each tab has a connection of its own.
 *
 * Tabs of one site share it, whoever is signed in: close them when that changes. While a tab takes part, its
 * page is not kept for the way back. Status changes are those of the tab that holds the connection.
 *
 * @throws {TidingsError} what {@link follow} throws.
 */
export function followShared<TFeed extends FeedTypes = FeedTypes>(
  address: string | URL,
  options: FollowOptions = {},
): AsyncGenerator<FollowedEvent<DataOf<TFeed>>, void> {
  const canShare =
    "BroadcastChannel" in globalThis && "navigator" in globalThis && "locks" in navigator;
  // Made in any case, so that what is wrong with the options is an error in every tab.
  const alone = follow<TFeed>(address, options);
  if (!canShare) return alone;
  const events = new SharedTab(resolveUrl(address, options.over?.url), options).events();
  // oxlint-disable-next-line no-unsafe-type-assertion -- here the feed's type is believed
  return events as AsyncGenerator<FollowedEvent<DataOf<TFeed>>, void>;
}
