import { formatNdjson, type FeedEvent } from "../protocol/index.ts";
import type { FeedExchange } from "./feed-exchange.ts";
import { serveStream, type StreamFormat } from "./feed-stream.ts";

const encoded = new WeakMap<FeedEvent, Uint8Array>();

/** One JSON object per line; an empty line is a heartbeat. */
const ndjson: StreamFormat = {
  contentType: "application/x-ndjson",
  opening: Buffer.from("\n"),
  heartbeat: Buffer.from("\n"),
  end: Buffer.from(formatNdjson({ end: true })),
  encode(event) {
    let bytes = encoded.get(event);
    if (!bytes) encoded.set(event, (bytes = Buffer.from(formatNdjson(event))));
    return bytes;
  },
};

/** Serves a feed as lines of JSON in a response that stays open. */
export async function serveNdjson(exchange: FeedExchange): Promise<void> {
  await serveStream(exchange, ndjson);
}
