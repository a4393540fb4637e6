import { dirname, resolve } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";

import { backoffMs } from "../../core/backoff.ts";
import { TidingsError } from "../../core/errors.ts";
import { assertKnownOptions, optionNames, wrongKind } from "../../core/options.ts";
import { isBusy, makeFolder, toStorageError } from "../../sqlite/index.ts";
import type { SessionStore, StoredSession } from "./session-store.ts";

/** Options of the {@link SqliteSessionStore}. */
export interface SqliteSessionStoreOptions {
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

const NAMES = optionNames<SqliteSessionStoreOptions>({
  now: true,
});

/** How long opening waits for a lock: another process may be making the table. */
const OPEN_WAIT_MS = 5_000;
/** How long SQLite itself waits for a lock. It blocks the process meanwhile, so not for long. */
const LOCK_WAIT_MS = 20;
/** How long a call waits for a lock, asking again and again. */
const CALL_WAIT_MS = 5_000;
/** How often sessions that have ended are removed, and how many at a time. */
const SWEEP_MS = 60_000;
const MAX_SWEPT = 1_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS tidings_sessions (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    expires_at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS tidings_sessions_by_end ON tidings_sessions (expires_at);
`;

/**
 * Sessions in an SQLite file, which the processes of one machine may share.
 *
 * Makes file and folder if they are missing. Survives: the death of every process. A failure of the
 * machine's power may undo what was done last (`synchronous = NORMAL`), a sign-out among it. Bound: the
 * disk; what has ended is removed, up to 1,000 a minute for each process. While another process holds
 * the lock, a call waits for up to 5 s.
 *
 * @throws {TidingsError} STORAGE_UNAVAILABLE when the file cannot be opened.
 */
export class SqliteSessionStore implements SessionStore {
  readonly #path: string;
  readonly #now: () => number;
  readonly #database: DatabaseSync;
  readonly #statements: Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;
  #sweptAt = 0;
  #isClosed = false;

  constructor(path: string, options: SqliteSessionStoreOptions = {}) {
    if (typeof path !== "string") throw wrongKind("path", "the path of a file", path);
    assertKnownOptions("`SqliteSessionStore`", options, NAMES);
    const { now = Date.now } = options;
    this.#path = resolve(path);
    this.#now = now;
    this.#database = open(this.#path);
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#statements = {
      get: prepare(STATEMENTS.get),
      set: prepare(STATEMENTS.set),
      update: prepare(STATEMENTS.update),
      delete: prepare(STATEMENTS.delete),
      sweep: prepare(STATEMENTS.sweep),
    };
  }

  async get(key: string): Promise<StoredSession | null> {
    const row = await this.#run(() => this.#statements.get.get(key, this.#now()));
    return row ? { value: String(row["value"]), expiresAt: Number(row["expires_at"]) } : null;
  }

  async set(key: string, { value, expiresAt }: StoredSession): Promise<void> {
    await this.#run(() => this.#statements.set.run(key, value, expiresAt));
    const now = this.#now();
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    await this.#run(() => this.#statements.sweep.run(now, MAX_SWEPT));
  }

  async update(key: string, { value, expiresAt }: Partial<StoredSession>): Promise<boolean> {
    return await this.#run(() => {
      const { update } = this.#statements;
      return update.run(value ?? null, expiresAt ?? null, key, this.#now()).changes === 1;
    });
  }

  async delete(key: string): Promise<boolean> {
    const deleted = await this.#run(() => this.#statements.delete.get(key));
    return deleted !== undefined && Number(deleted["expires_at"]) > this.#now();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#database.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #closedError(): TidingsError {
    return new TidingsError("STORAGE_UNAVAILABLE", `the database ${this.#path} has been closed`);
  }

  async #run<T>(work: () => T): Promise<T> {
    const deadline = performance.now() + CALL_WAIT_MS;
    for (let attempt = 0; ; attempt += 1) {
      try {
        if (this.#isClosed) throw this.#closedError();
        return work();
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw toStorageError(error, this.#path);
        await setTimeout(backoffMs(attempt, { baseMs: 10, maxMs: 200 }));
      }
    }
  }
}

const STATEMENTS = {
  get: "SELECT value, expires_at FROM tidings_sessions WHERE key = ? AND expires_at > ?",
  set: "INSERT OR REPLACE INTO tidings_sessions (key, value, expires_at) VALUES (?, ?, ?)",
  update: `
    UPDATE tidings_sessions SET value = ifnull(?, value), expires_at = ifnull(?, expires_at)
    WHERE key = ? AND expires_at > ?
  `,
  delete: "DELETE FROM tidings_sessions WHERE key = ? RETURNING expires_at",
  sweep: `
    DELETE FROM tidings_sessions WHERE key IN
      (SELECT key FROM tidings_sessions WHERE expires_at <= ? LIMIT ?)
  `,
} as const;

function open(path: string): DatabaseSync {
  try {
    makeFolder(dirname(path));
    const database = new DatabaseSync(path, { timeout: OPEN_WAIT_MS });
    try {
      setUp(database);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw toStorageError(error, path);
  }
}

function setUp(database: DatabaseSync): void {
  const deadline = performance.now() + OPEN_WAIT_MS;
  for (;;) {
    try {
      database.exec(`
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        ${SCHEMA}
        PRAGMA busy_timeout = ${LOCK_WAIT_MS};
      `);
      return;
    } catch (error) {
      // SQLite does not wait for a lock while another process switches the same file to WAL.
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
  }
}
