/** Somebody who is in a group, with one session or several: two tabs are one member. */
export interface Member {
  /** Who it is: a user's key, or a channel of somebody without a name. */
  readonly key: string;
  /** What was said when the member came, or came again last. Any JSON. */
  readonly data: unknown;
  /** Since when, in milliseconds since 1970, by the store's clock. */
  readonly since: number;
}

/** One session of a member in a group, as a connection is one. */
export interface PresenceSession {
  readonly group: string;
  readonly key: string;
  /** Unique in all processes. */
  readonly session: string;
}

/** What entering has changed. */
export interface Entrance {
  /** Whether the member was not there before, or was and says something else now; `null` when neither. */
  readonly kind: "joined" | "updated" | null;
  readonly member: Member;
  /** How many members the group has now. */
  readonly count: number;
}

/** Somebody who is in a group no more. */
export interface Departure {
  readonly group: string;
  readonly member: Member;
  /** How many members the group has now. */
  readonly count: number;
}

/** Who is in a group. */
export interface Attendance {
  readonly count: number;
  /** Those who are there longest come first; `null` when there are more than {@link MAX_LISTED}. */
  readonly members: readonly Member[] | null;
}

/** Of larger groups there is only the count. */
export const MAX_LISTED = 1_000;

/**
 * Who is in which group, for all processes that share the store.
 *
 * `src/testing/cases/presence.ts` checks each sentence against every driver.
 *
 * - A member is there from its first session until `graceMs` after its last one has gone, so that who
 *   comes back in that time was never away.
 * - Entering twice with one session is one session; the data is that of the last time.
 * - The sessions of a process MUST be as gone when its lease has ended. Entering takes or renews the
 *   lease; `renew` MUST return `false` when it had ended, and takes it again.
 * - `sweep` MUST return each departure once, to whichever process asks first. A sweep does a bounded
 *   amount of work; what it leaves over is for the next.
 * - After `close` every call throws PRESENCE_CLOSED.
 */
export interface PresenceStore extends AsyncDisposable {
  enter(session: PresenceSession, data: unknown, leaseMs: number): Promise<Entrance>;
  leave(session: PresenceSession, graceMs: number): Promise<void>;
  /** Renews the lease of this process. */
  renew(leaseMs: number): Promise<boolean>;
  /** Ends what is over. `graceMs` is for the sessions of dead processes. */
  sweep(graceMs: number): Promise<readonly Departure[]>;
  read(group: string): Promise<Attendance>;
  close(): Promise<void>;
}
