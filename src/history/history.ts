import type { LayerMessage, OutgoingMessage } from "../layers/index.ts";
import type { Position, ResetReason } from "../protocol/index.ts";

/** A message that a group was sent, and its place there. */
export interface HistoryEntry {
  readonly position: Position;
  /** Deeply frozen, but for bytes, which must not be changed. */
  readonly message: LayerMessage;
}

/** How much of a group is kept. What exceeds either bound is dropped, the oldest first. */
export interface HistoryBounds {
  /** How many messages, at most 10,000. @default 100 */
  readonly size?: number | undefined;
  /** For how long, in milliseconds, at most a day. @default 300_000 */
  readonly ageMs?: number | undefined;
}

/** What came after a position: all of it, or why not. Never a part. */
export type Recovery =
  | {
      readonly kind: "recovered";
      /** What came after the position, in order. */
      readonly entries: readonly HistoryEntry[];
      /** Where that leads to. */
      readonly position: Position;
    }
  | {
      readonly kind: "reset";
      readonly reason: ResetReason;
      /** Where the group is now. */
      readonly position: Position;
    };

/** Hears what a group is sent. The calls are synchronous, and MUST NOT throw. */
export interface HistoryListener {
  /** A message that was appended just now. */
  onEntry(entry: HistoryEntry): void;
  /** The store was out of reach, and is heard again: entries of that time may be missing. */
  onGap(): void;
}

/**
 * What was sent to groups, in order, for a while.
 *
 * `src/testing/cases/history.ts` checks each sentence against every driver.
 *
 * - A group's history begins with a random epoch of 8 URL-safe characters and the offset 0. Each
 *   message gets the next offset, the first one 1; a driver MAY leave some out, but MUST NOT give one
 *   twice. When the store has lost the epoch, it MUST begin with another one.
 * - Epoch and offset MUST outlive the entries: they are kept for two days after the group was last
 *   asked for.
 * - `since` MUST return everything that came after a position, in order, or say why it cannot.
 * - `listen` MUST have resolved before it hears; it MAY miss entries when the store is out of reach,
 *   and MUST then call `onGap` when it hears again. Entries of one group come in order, each once.
 * - Names and messages are those of a channel layer: LAYER_INVALID_NAME, LAYER_INVALID_MESSAGE.
 * - After `close` every call throws HISTORY_CLOSED.
 *
 * Bound: `size` messages for each group, none older than `ageMs`; those of the latest `append` count.
 */
export interface GroupHistory extends AsyncDisposable {
  /** Adds a message, and tells whoever listens. */
  append(group: string, message: OutgoingMessage, bounds?: HistoryBounds): Promise<Position>;
  /** Where the group is now; its history begins if it has none. */
  position(group: string): Promise<Position>;
  /** What came after a position; `limit` entries at most. @default 1_000 */
  since(group: string, position: Position, limit?: number): Promise<Recovery>;
  /** Hears what is appended to a group, wherever that happens. Returns what ends it. */
  listen(group: string, listener: HistoryListener): Promise<() => void>;
  close(): Promise<void>;
}
