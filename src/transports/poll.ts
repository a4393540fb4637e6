import type { FeedPage } from "../channels/index.ts";
import { VARY } from "./delivery.ts";
import { TextAnswer } from "./text-answer.ts";

/** Below the minute after which proxies give up. */
export const MAX_WAIT_MS = 55_000;

/** Answers a poll; its `ETag` is the position, so that nothing new costs a 304 (RFC 9110 §13.1.2). */
export function answerPoll(page: FeedPage, knownEtag: string | null): TextAnswer {
  const etag = `"${page.cursor}"`;
  const headers = { etag, "cache-control": "no-cache", vary: VARY };
  // The end is news, even when no event came with it.
  if (!page.end && matchesEtag(knownEtag, etag)) return TextAnswer.notModified(headers);
  return TextAnswer.json(formatPage(page), headers);
}

/** Answers a long poll, which would have waited for so long. */
export function answerLongPoll(page: FeedPage, waitedMs: number): TextAnswer {
  return TextAnswer.json(formatPage(page), {
    "cache-control": "no-store",
    "preference-applied": `wait=${Math.floor(waitedMs / 1000)}`,
    vary: VARY,
  });
}

let last: FeedPage = { cursor: "", events: [], end: false };
let lastText = "";

/** What one event brings to all that wait for it is the very same, so it is enough to remember the last. */
function formatPage(page: FeedPage): string {
  if (!isSame(page, last)) {
    const { cursor, events, end } = page;
    lastText = JSON.stringify(end ? { cursor, events, end } : { cursor, events });
    last = page;
  }
  return lastText;
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
