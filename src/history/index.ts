/**
 * The history of groups: what was sent to each, in order, for a while; and its tail as it comes.
 *
 * `history.ts` is the contract, the other files are its drivers and what follows a group. Knows
 * channel layers; must never know a connection, a consumer or a feed.
 *
 * @module
 */
export { RESET_REASONS, type ResetReason } from "../protocol/index.ts";
export type {
  GroupHistory,
  HistoryBounds,
  HistoryEntry,
  HistoryListener,
  Recovery,
} from "./history.ts";
export type { TailCounts, TailFollower } from "./group-tail.ts";
export { toHistoryBounds } from "./history-bounds.ts";
export { GroupTails, type GroupTailsOptions } from "./group-tails.ts";
export { MemoryHistory, type MemoryHistoryOptions } from "./memory.ts";
export { RedisHistory, type RedisHistoryOptions } from "./redis.ts";
export { historyOfLayer, openHistory, type HistorySettings } from "./open-history.ts";
export { RecordedGroups, type RecordedGroupsOptions } from "./recorded-groups.ts";
export { SqliteHistory, type SqliteHistoryOptions } from "./sqlite.ts";
