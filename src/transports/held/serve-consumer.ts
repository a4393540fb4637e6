import type { Delivery } from "../delivery.ts";
import type { TextAnswer } from "../text-answer.ts";
import { ndjsonFormat, sseFormat } from "./connection-format.ts";
import type { ReadAnswer } from "./connection-link.ts";
import type { ConsumerExchange } from "./consumer-exchange.ts";
import { answerConsumerLongPoll, answerConsumerPoll } from "./consumer-poll.ts";
import { serveConsumerStream } from "./consumer-stream.ts";

/**
 * Serves a consumer's connection over HTTP, in the way that was chosen, from what was read first.
 *
 * Returns the answer to send, or nothing when it is a stream, which has begun by then.
 */
export async function serveConsumerOverHttp(
  exchange: ConsumerExchange,
  delivery: Delivery,
  first: ReadAnswer,
): Promise<TextAnswer | undefined> {
  switch (delivery.kind) {
    case "sse":
      serveConsumerStream(exchange, sseFormat, first);
      return undefined;
    case "ndjson":
      serveConsumerStream(exchange, ndjsonFormat, first);
      return undefined;
    case "long-poll":
      return await answerConsumerLongPoll(exchange, first, delivery.waitMs);
    case "poll":
      return answerConsumerPoll(exchange, first);
  }
}
