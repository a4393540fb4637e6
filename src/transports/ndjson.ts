import { formatNdjson, type FeedEvent } from "../protocol/index.ts";
import { encodeOnce } from "./encode-once.ts";
import type { FeedExchange } from "./feed-exchange.ts";
import { serveStream, type StreamFormat } from "./feed-stream.ts";

/** One JSON object per line; an empty line is a heartbeat. */
const ndjson: StreamFormat = {
  contentType: "application/x-ndjson",
  opening: Buffer.from("\n"),
  heartbeat: Buffer.from("\n"),
  end: Buffer.from(formatNdjson({ end: true })),
  encode: encodeOnce((event: FeedEvent) => formatNdjson(event)),
};

/** Serves a feed as lines of JSON in a response that stays open. */
export async function serveNdjson(exchange: FeedExchange): Promise<void> {
  await serveStream(exchange, ndjson);
}
