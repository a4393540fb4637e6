import type { HistoryEntry, Recovery } from "../history/index.ts";
import type { FeedEvent } from "../protocol/index.ts";
import type { FeedLog } from "./feed-log.ts";
import type { FeedNews } from "./feed-reaction.ts";

/**
 * What a history has recovered, as a feed tells it, up to where its log is.
 *
 * `undefined` when the two do not meet: the log has gone on meanwhile, or is in another epoch.
 */
export function joinRecovery(
  recovery: Recovery,
  log: FeedLog,
  toNews: (entry: HistoryEntry) => FeedNews,
): readonly FeedEvent[] | undefined {
  const { kind, position: end } = recovery;
  if (kind === "reset" || end.epoch !== log.epoch) return undefined;
  const events: FeedEvent[] = [];
  for (const entry of recovery.entries) {
    const { offset } = entry.position;
    // The rest is on its way here, and comes as an entry.
    if (offset > log.offset) return events;
    const news = toNews(entry);
    if (news.kind === "change") return log.state();
    if (news.kind === "event") events.push({ cursor: log.cursorAt(offset), data: news.data });
  }
  if (end.offset >= log.offset) return events;
  const later = log.since(log.cursorAt(end.offset));
  return later && [...events, ...later];
}
