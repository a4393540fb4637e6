import type { Delivery } from "./delivery.ts";
import type { FeedExchange } from "./feed-exchange.ts";
import { serveFeedPoll } from "./feed-poll.ts";
import { serveNdjson } from "./ndjson.ts";
import { serveSse } from "./sse.ts";

/**
 * Serves a feed over HTTP, in the way that was chosen.
 *
 * Settles when it has been answered, or when what stays open is on its own.
 */
export async function serveFeed(exchange: FeedExchange, delivery: Delivery): Promise<void> {
  switch (delivery.kind) {
    case "sse":
      return await serveSse(exchange);
    case "ndjson":
      return await serveNdjson(exchange);
    case "long-poll":
      return await serveFeedPoll(exchange, delivery.waitMs);
    case "poll":
      return await serveFeedPoll(exchange);
  }
}
