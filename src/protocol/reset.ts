/** The reasons that there are. */
export const RESET_REASONS = ["epoch-changed", "evicted", "too-far"] as const;

/**
 * Why what came after a cursor, or a position in a history, can no longer be told.
 *
 * | reason          | what happened                                                      |
 * | --------------- | ------------------------------------------------------------------ |
 * | `epoch-changed` | it has begun anew, or the cursor is of somewhere else: the store lost it, or was emptied; the process of a feed without history is another one |
 * | `evicted`       | what came next is older than is kept, or there was too much of it    |
 * | `too-far`       | more is missed than was asked for                                   |
 */
export type ResetReason = (typeof RESET_REASONS)[number];

/** That something begins anew, because what came before cannot be told any more. */
export interface Reset {
  readonly reason: ResetReason;
}
