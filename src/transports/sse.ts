import { formatSseComment, formatSseEvent, type FeedEvent } from "../protocol/index.ts";
import { encodeOnce } from "./encode-once.ts";
import type { FeedExchange } from "./feed-exchange.ts";
import { serveStream, type StreamFormat } from "./feed-stream.ts";

/** How long an event source waits before it asks again for a feed that has failed. */
const RETRY_MS = 5_000;

/** `text/event-stream`, as WHATWG HTML §9.2 describes it. */
const sse: StreamFormat = {
  contentType: "text/event-stream",
  opening: Buffer.from(formatSseComment("ok")),
  heartbeat: Buffer.from(formatSseComment("")),
  // "Any other HTTP response status" than 200 and 204 ends an EventSource for good; this one comes
  // back after the time that we give it.
  failure: Buffer.from(`retry: ${RETRY_MS}\n${formatSseComment("the feed has failed")}`),
  retry: (retryMs) => Buffer.from(`retry: ${retryMs}\n\n`),
  encode: encodeOnce((event: FeedEvent) =>
    [toReset(event), formatSseEvent({ id: event.cursor, data: JSON.stringify(event.data) })].join(
      "",
    ),
  ),
};

/** Goes before the state, which `onmessage` is to get as ever; without an id, so that it moves nobody on. */
function toReset({ reset }: FeedEvent): string {
  return reset ? formatSseEvent({ event: "reset", data: JSON.stringify(reset) }) : "";
}

/** Serves a feed to an `EventSource`. */
export async function serveSse(exchange: FeedExchange): Promise<void> {
  await serveStream(exchange, sse);
}
