import { createSignal, feed, refresh } from "tidings";

import { app } from "./app.ts";
import { listTopics, queryCount, type Topic } from "./topics.ts";

/** Sent after a note was written or changed. */
export const topicSaved = createSignal<Topic>("topic-saved");
/** Sent after a note was deleted. */
export const topicDeleted = createSignal<Topic>("topic-deleted");

/** The whole board, and where it came from. */
export interface Board {
  readonly topics: readonly Topic[];
  /** When the database was asked. */
  readonly loadedAt: number;
  readonly servedFrom: "database" | "cache";
  /** How often the database was asked since the server started. */
  readonly queries: number;
}

const CACHE_MS = 60_000;

/** Returns the board, from the cache if it was read within a minute and nothing has changed. */
export async function readBoard(): Promise<Board> {
  let servedFrom: Board["servedFrom"] = "cache";
  const board = await app.cache.remember("topics", { ttlMs: CACHE_MS }, () => {
    servedFrom = "database";
    return { topics: listTopics(), loadedAt: Date.now() };
  });
  return { ...board, servedFrom, queries: queryCount() };
}

/** The board as a feed: read once for each change, however many follow. */
export const topics = feed({
  path: "/topics",
  group: "topics",
  snapshot: readBoard,
  on: { "topics.changed": refresh() },
});

for (const signal of [topicSaved, topicDeleted]) {
  signal.connect(async () => {
    await app.cache.delete("topics");
    await app.layer.groupSend("topics", { type: "topics.changed" });
  });
}
