import { SseParser, type FeedEvent } from "../../protocol/index.ts";
import { Interruption } from "../interruption.ts";
import { parseJson } from "../parse-json.ts";
import type { Closing } from "../status.ts";
import { openStream } from "./open-stream.ts";
import { ENDED, type TransportRequest } from "./transport.ts";

/**
 * Hears a feed as server-sent events.
 *
 * Through `fetch`, because an `EventSource` gives up for good at the first error of a proxy, and does
 * not tell what it costs. Whether an event starts over is not shown here.
 */
export async function* followSse(request: TransportRequest): AsyncGenerator<FeedEvent, Closing> {
  const chunks = await openStream(request, "text/event-stream");
  if (!chunks) return ENDED;
  const parser = new SseParser();
  for await (const chunk of chunks) {
    for (const { id, event, data } of parser.push(chunk)) {
      if (event === "message") yield { cursor: id, data: parseJson(data) };
    }
  }
  // Whether this was the end is told by the answer to the next request.
  throw new Interruption("the stream ended", { retryAfterMs: parser.retryMs });
}
