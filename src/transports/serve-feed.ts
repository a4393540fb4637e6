import type { Delivery } from "./delivery.ts";
import type { FeedExchange } from "./feed-exchange.ts";
import { serveLongPoll } from "./long-poll.ts";
import { serveNdjson } from "./ndjson.ts";
import { servePoll } from "./poll.ts";
import { serveSse } from "./sse.ts";
import type { TextAnswer } from "./text-answer.ts";

/**
 * Serves a feed over HTTP, in the way that was chosen.
 *
 * Returns the answer to send, or nothing when it is a stream, which has begun by then.
 */
export async function serveFeed(
  exchange: FeedExchange,
  delivery: Delivery,
): Promise<TextAnswer | undefined> {
  switch (delivery.kind) {
    case "sse":
      await serveSse(exchange);
      return undefined;
    case "ndjson":
      await serveNdjson(exchange);
      return undefined;
    case "long-poll":
      return await serveLongPoll(exchange, delivery.waitMs);
    case "poll":
      return await servePoll(exchange);
  }
}
