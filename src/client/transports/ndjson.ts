import { TidingsError } from "../../core/errors.ts";
import { isFeedEnd, isFeedEvent, NdjsonParser, type FeedEvent } from "../../protocol/index.ts";
import { Interruption } from "../interruption.ts";
import type { Closing } from "../status.ts";
import { openStream } from "./open-stream.ts";
import { ENDED, type TransportRequest } from "./transport.ts";

/** Hears a feed as lines of JSON in a response that stays open. */
export async function* followNdjson(request: TransportRequest): AsyncGenerator<FeedEvent, Closing> {
  const chunks = await openStream(request, "application/x-ndjson");
  if (!chunks) return ENDED;
  const parser = new NdjsonParser();
  for await (const chunk of chunks) {
    for (const value of parser.push(chunk)) {
      if (isFeedEnd(value)) return ENDED;
      if (!isFeedEvent(value)) throw new TidingsError("CLIENT_PROTOCOL", "expected an event");
      yield value;
    }
  }
  throw new Interruption("the stream broke off");
}
