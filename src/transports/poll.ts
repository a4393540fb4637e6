import type { FeedPage } from "../channels/index.ts";
import { requestedCursor, type FeedExchange } from "./feed-exchange.ts";

/**
 * Answers a plain poll: what came since the cursor, or the state now, at once.
 *
 * The `ETag` is the position, so that an unchanged feed costs a 304 without a body (RFC 9110 §13.1.2).
 */
export async function servePoll({ request, source }: FeedExchange): Promise<Response> {
  const page = await source.read(requestedCursor(request));
  const etag = `"${page.cursor}"`;
  const headers = { etag, "cache-control": "no-cache", vary: "accept, prefer" };
  // The end is news, even when no event came with it.
  if (!page.end && matchesEtag(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  return Response.json(toBody(page), { headers });
}

/** The JSON that both kinds of polls answer with. */
export function toBody({ cursor, events, end }: FeedPage): object {
  return end ? { cursor, events, end } : { cursor, events };
}

/** Weak comparison: a proxy that compresses makes our ETag weak. */
export function matchesEtag(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header.split(",").some((candidate) => candidate.trim().replace(/^W\//, "") === etag);
}
