/** A call that was written down, and not sent yet. */
export interface OutboxEntry {
  /** Of the task. */
  readonly id: string;
  /** What is to be sent, as text. */
  readonly call: string;
}

/** An entry, and its place among those that wait. */
export interface ClaimedEntry extends OutboxEntry {
  readonly seq: string;
}

/** What waits in an outbox. */
export interface OutboxBacklog {
  readonly count: number;
  /** When the oldest was written down, in milliseconds since 1970; `null` when nothing waits. */
  readonly oldestAt: number | null;
}

/** What became of an entry that was claimed. */
export type Delivered =
  /** It is sent: the entry is removed. */
  | "sent"
  /** The broker is away: any relay may have it at once. */
  | "released"
  /** It cannot be sent as it is: it is tried again a minute later, and holds nobody up. */
  | "refused";

/**
 * A table in a user's own database, for calls that are to be sent if a transaction commits.
 *
 * - `write` MUST do nothing but write in the transaction that it is given.
 * - `claim` MUST give each entry to one claimer at a time, in the order in which they were written, and
 *   to another one `CLAIM_MS` later unless it was settled: its claimer died.
 * - `settle` MUST be durable when it resolves.
 */
export interface OutboxStore<TTransaction> {
  /** The SQL that makes the table; `install` runs it. Running it again does nothing. */
  readonly schema: string;
  install(): Promise<void>;
  /** Writes entries down. Of SQLite it is done when the call returns. */
  write(transaction: TTransaction, entries: readonly OutboxEntry[]): Promise<void>;
  /** Claims the entries that have waited longest. */
  claim(limit: number): Promise<readonly ClaimedEntry[]>;
  /** Says what became of claimed entries. */
  settle(entries: readonly ClaimedEntry[], delivered: Delivered): Promise<void>;
  backlog(): Promise<OutboxBacklog>;
  /** Calls the listener when something may have been written, if it can tell; returns how to leave. */
  readonly listen?: ((listener: () => void) => Promise<() => void>) | undefined;
  /** Ends what it opened itself. */
  close(): Promise<void>;
}

/** How long an entry belongs to who claimed it. */
export const CLAIM_MS = 10_000;

/** How soon an entry is tried again that was refused. */
export const REFUSED_MS = 60_000;
