import type { FeedPage } from "../channels/index.ts";
import { requestedCursor, type FeedExchange } from "./feed-exchange.ts";
import { TextAnswer } from "./text-answer.ts";

/**
 * Answers a plain poll: what came since the cursor, or the state now, at once.
 *
 * The `ETag` is the position, so that an unchanged feed costs a 304 without a body (RFC 9110 §13.1.2).
 */
export async function servePoll({ request, source }: FeedExchange): Promise<TextAnswer> {
  const page = await source.read(requestedCursor(request));
  const etag = `"${page.cursor}"`;
  const headers = { etag, "cache-control": "no-cache", vary: "accept, prefer" };
  // The end is news, even when no event came with it.
  if (!page.end && matchesEtag(request.headers.get("if-none-match"), etag)) {
    return TextAnswer.notModified(headers);
  }
  return TextAnswer.json(toBody(page), headers);
}

let last: FeedPage = { cursor: "", events: [], end: false };
let lastBody = "";

/**
 * The JSON that both kinds of polls answer with.
 *
 * What one event brings to all that wait for it is the very same, so it is enough to remember the last.
 */
export function toBody(page: FeedPage): string {
  if (!isSame(page, last) || lastBody === "") {
    const { cursor, events, end } = page;
    lastBody = JSON.stringify(end ? { cursor, events, end } : { cursor, events });
    last = page;
  }
  return lastBody;
}

function isSame({ cursor, events, end }: FeedPage, other: FeedPage): boolean {
  return (
    cursor === other.cursor &&
    end === other.end &&
    events.length === other.events.length &&
    events.every((event, index) => event === other.events[index])
  );
}

/** Weak comparison: a proxy that compresses makes our ETag weak. */
export function matchesEtag(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header.split(",").some((candidate) => candidate.trim().replace(/^W\//, "") === etag);
}
