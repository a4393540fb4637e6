import { assertKnownOptions, assertPositiveInteger, optionNames } from "../../core/options.ts";
import type { SessionStore, StoredSession } from "./session-store.ts";

/** Options of the {@link MemorySessionStore}. */
export interface MemorySessionStoreOptions {
  /** How many sessions are kept; beyond it, the one unused for longest goes. @default 100_000 */
  readonly maxSessions?: number | undefined;
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

const NAMES = optionNames<MemorySessionStoreOptions>({
  maxSessions: true,
  now: true,
});

/**
 * Sessions in this process's memory.
 *
 * Survives: nothing, so a restart signs everybody out. Reaches: this process. Bound: `maxSessions`.
 */
export class MemorySessionStore implements SessionStore {
  readonly #maxSessions: number;
  readonly #now: () => number;
  /** In the order of their last use. */
  readonly #sessions = new Map<string, StoredSession>();

  constructor(options: MemorySessionStoreOptions = {}) {
    assertKnownOptions("`MemorySessionStore`", options, NAMES);
    const { maxSessions = 100_000, now = Date.now } = options;
    this.#maxSessions = assertPositiveInteger("maxSessions", maxSessions);
    this.#now = now;
  }

  async get(key: string): Promise<StoredSession | null> {
    const session = this.#take(key);
    if (session) this.#sessions.set(key, session);
    return session;
  }

  async set(key: string, { value, expiresAt }: StoredSession): Promise<void> {
    this.#sessions.delete(key);
    this.#sessions.set(key, { value, expiresAt });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > this.#maxSessions && oldest !== undefined) {
      this.#sessions.delete(oldest);
    }
  }

  async update(key: string, change: Partial<StoredSession>): Promise<boolean> {
    const session = this.#take(key);
    if (!session) return false;
    const { value = session.value, expiresAt = session.expiresAt } = change;
    this.#sessions.set(key, { value, expiresAt });
    return true;
  }

  async delete(key: string): Promise<boolean> {
    return this.#take(key) !== null;
  }

  async close(): Promise<void> {
    this.#sessions.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #take(key: string): StoredSession | null {
    const session = this.#sessions.get(key);
    this.#sessions.delete(key);
    return session && session.expiresAt > this.#now() ? session : null;
  }
}
