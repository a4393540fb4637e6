/** What a store keeps of a session. */
export interface StoredSession {
  /** Its data, as JSON. */
  readonly value: string;
  /** When it ends, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/**
 * Where server-side sessions are kept. Shared by every process that is to know them.
 *
 * - A session that has ended MUST be as if it had never been there.
 * - `update` MUST NOT bring back a session that was deleted: a request that is still under way must not
 *   undo a sign-out.
 * - What one call has done MUST be seen by every call that starts afterwards, in any process.
 *
 * Keys are made of 43 letters, digits, `-` and `_`, and open nothing: they are hashes.
 *
 * Every method throws STORAGE_UNAVAILABLE (of Redis, REDIS_UNAVAILABLE or REDIS_FAILED) when the store
 * cannot be asked.
 */
export interface SessionStore extends AsyncDisposable {
  /** The session of a key, or `null`. */
  get(key: string): Promise<StoredSession | null>;
  /** Keeps a session under a key. */
  set(key: string, session: StoredSession): Promise<void>;
  /** Changes what is given of a session; returns whether there was one. */
  update(key: string, change: Partial<StoredSession>): Promise<boolean>;
  /** Removes a session; returns whether there was one. */
  delete(key: string): Promise<boolean>;
  /** Lets go of what is open. Sessions stay where they are. */
  close(): Promise<void>;
}
