import { requestedCursor, type FeedExchange } from "./feed-exchange.ts";
import { toBody } from "./poll.ts";
import { TextAnswer } from "./text-answer.ts";

/** Below the minute after which proxies give up. */
export const MAX_WAIT_MS = 55_000;

/**
 * Answers a long poll: at once when something came since the cursor, else when something comes, else
 * after the wait with no events and the same cursor.
 *
 * Asking with the cursor of the answer acknowledges it; asking again with the old one repeats it.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc7240#section-4.3
 */
export async function serveLongPoll(
  { request, response, source, connections }: FeedExchange,
  waitMs: number,
): Promise<TextAnswer> {
  const waited = Math.min(waitMs, MAX_WAIT_MS);
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  response.once("close", stop);
  const poll = { beat(): void {}, goAway: stop, destroy: stop };
  connections.add(poll);
  try {
    const page = await source.read(requestedCursor(request), {
      waitMs: waited,
      signal: abort.signal,
    });
    return TextAnswer.json(toBody(page), {
      "cache-control": "no-store",
      "preference-applied": `wait=${Math.floor(waited / 1000)}`,
      vary: "accept, prefer",
    });
  } finally {
    connections.remove(poll);
    response.off("close", stop);
  }
}
