/**
 * Who is in which group, across processes.
 *
 * Main words: `Presence` (enter, leave, hear of changes), `PresenceStore` (the contract of its drivers:
 * memory, SQLite, Redis). Knows groups by their names only, and tells of changes through a channel layer.
 *
 * @module
 */
export { MemoryPresence, type MemoryPresenceOptions } from "./memory.ts";
export { openPresence, type PresenceSettings } from "./open-presence.ts";
export { presenceFeed, type PresenceEvent, type PresenceFeedOptions } from "./presence-feed.ts";
export {
  MAX_LISTED,
  type Attendance,
  type Departure,
  type Entrance,
  type Member,
  type PresenceSession,
  type PresenceStore,
} from "./presence-store.ts";
export {
  Presence,
  toPresenceGroup,
  type PresenceChange,
  type PresenceOptions,
  type TrackedConnection,
} from "./presence.ts";
export { RedisPresence, type RedisPresenceOptions } from "./redis.ts";
export { SqlitePresence, type SqlitePresenceOptions } from "./sqlite.ts";
