import { SseParser } from "../../protocol/index.ts";
import { Interruption } from "../interruption.ts";
import { parseJson } from "../parse-json.ts";
import type { Closing } from "../status.ts";
import { openStream } from "./open-stream.ts";
import { ENDED, type TransportRequest } from "./transport.ts";

/** What else a consumer's stream says; events of other types are somebody else's. */
const OTHERS = ["bytes", "reset", "close"];

/**
 * Hears a feed or a consumer as server-sent events.
 *
 * Through `fetch`, because an `EventSource` gives up for good at the first error of a proxy, and does
 * not tell what it costs.
 */
export async function* followSse(request: TransportRequest): AsyncGenerator<unknown, Closing> {
  const chunks = await openStream(request, "text/event-stream");
  if (!chunks) return ENDED;
  const parser = new SseParser();
  for await (const chunk of chunks) {
    for (const { id: cursor, event, data } of parser.push(chunk)) {
      if (event === "message") yield { cursor, data: parseJson(data) };
      // A consumer's connection says first what it is called, among other things.
      else if (event === "connection") yield Object.assign({ cursor }, parseJson(data));
      else if (OTHERS.includes(event)) yield { cursor, [event]: parseJson(data) };
    }
    // An event without data is none, but its id counts.
    if (parser.lastEventId !== "") request.place.cursor = parser.lastEventId;
  }
  // Whether this was the end is told by the answer to the next request.
  throw new Interruption("the stream ended", { retryAfterMs: parser.retryMs });
}
