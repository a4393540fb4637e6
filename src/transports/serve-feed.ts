import { toErrorResponse } from "../channels/index.ts";
import { chooseDelivery } from "./delivery.ts";
import type { FeedExchange } from "./feed-exchange.ts";
import { serveLongPoll } from "./long-poll.ts";
import { serveNdjson } from "./ndjson.ts";
import { servePoll } from "./poll.ts";
import { serveSse } from "./sse.ts";

/**
 * Serves a feed over HTTP, by what the client asks for.
 *
 * Returns the response to send, or nothing when it was a stream, which is over by then.
 */
export async function serveFeed(exchange: FeedExchange): Promise<Response | undefined> {
  const delivery = chooseDelivery(exchange.request.headers);
  switch (delivery?.kind) {
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
    case undefined:
      return toErrorResponse({
        status: 406,
        code: "REQUEST_NOT_ACCEPTABLE",
        message: "a feed is text/event-stream, application/x-ndjson or application/json",
      });
  }
}
