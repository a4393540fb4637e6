import { mkdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";

import { TidingsError } from "../../core/errors.ts";
import { Notifier } from "../notifier.ts";
import type { SharedTransaction } from "../transaction.ts";
import { FileWatch } from "./file-watch.ts";
import { GroupCommit } from "./group-commit.ts";
import { MIGRATION_FROM_1, MIGRATION_FROM_2, SCHEMA, SCHEMA_VERSION } from "./schema.ts";
import { isBusy, toStorageError } from "./storage-error.ts";

/** How often commits of other processes are looked for: 3 µs of work, 20 times a second. */
const POLL_MS = 50;
/** How long SQLite itself waits for a lock. It blocks the process meanwhile, so not for long. */
const LOCK_WAIT_MS = 20;
/** How long opening waits for a lock: another process may be making the tables. */
const OPEN_WAIT_MS = 5_000;

/** What can change. */
export type DatabaseTopic = "messages" | "records" | "control";

/** The ids that changed; `null` when another process changed something. */
export type ChangedIds = readonly string[] | null;

/**
 * The SQLite file of broker and results, opened once per process.
 *
 * Durable: write-ahead log, `synchronous = FULL`, so a commit is on the disk when its promise resolves.
 * Commits are grouped ({@link GroupCommit}). Commits of other processes are noticed soon after their log is
 * written, or within 50 ms, by one poller for all who listen. When the file cannot be read, listeners are told once, so that they look
 * and meet the error, and once more when it can be read again.
 */
export class TaskDatabase implements SharedTransaction {
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #commits: GroupCommit;
  readonly #notifiers: Readonly<Record<DatabaseTopic, Notifier<ChangedIds>>> = {
    messages: new Notifier(),
    records: new Notifier(),
    control: new Notifier(),
  };
  readonly #touched: Record<DatabaseTopic, Set<string>> = {
    messages: new Set(),
    records: new Set(),
    control: new Set(),
  };
  readonly #dataVersion: StatementSync;
  /** `null` during an outage. */
  #seenVersion: unknown;
  #poller: NodeJS.Timeout | undefined;
  #fileWatch: FileWatch | undefined;
  #users = 0;

  /** @internal Use {@link openTaskDatabase}. */
  constructor(path: string) {
    this.path = path;
    this.#database = openFile(path);
    this.#dataVersion = this.#database.prepare("PRAGMA data_version");
    this.#commits = new GroupCommit(this.#database, path, {
      onCommit: () => this.#announceTouched(),
      onRollback: () => this.#forgetTouched(),
    });
  }

  /** Counts one more user; each must call `close`. */
  use(): this {
    this.#users++;
    return this;
  }

  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql);
  }

  /** Runs `work` in the next commit. */
  run<T>(work: () => T): Promise<T> {
    if (this.#users === 0) return Promise.reject(this.#closedError());
    return this.#commits.run(work);
  }

  /** Reads what is committed. */
  read<T>(work: () => T): T {
    if (this.#users === 0) throw this.#closedError();
    try {
      return work();
    } catch (error) {
      throw toStorageError(error, this.path);
    }
  }

  /** Says, inside `run`, that something changed; told to listeners after the commit. */
  touch(topic: DatabaseTopic, id: string): void {
    this.#touched[topic].add(id);
  }

  onChange(topic: DatabaseTopic, listener: (changed: ChangedIds) => void): () => void {
    if (this.#users === 0) throw this.#closedError();
    const unsubscribe = this.#notifiers[topic].subscribe(listener);
    this.#startPolling();
    return () => {
      unsubscribe();
      if (this.#listenerCount === 0) this.#stopPolling();
    };
  }

  /** Ends the use of one user; the last one closes the file. */
  close(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#commits.close(this.#closedError());
    this.#stopPolling();
    opened.delete(this.path);
    this.#database.close();
  }

  get #listenerCount(): number {
    return TOPICS.reduce((count, topic) => count + this.#notifiers[topic].size, 0);
  }

  #startPolling(): void {
    if (this.#poller) return;
    this.#seenVersion = this.#readVersion();
    // Not unref'd: whoever listens is waiting for another process.
    this.#poller = setInterval(() => this.#poll(), POLL_MS);
    this.#fileWatch = new FileWatch(`${this.path}-wal`, () => this.#poll());
  }

  #stopPolling(): void {
    clearInterval(this.#poller);
    this.#poller = undefined;
    this.#fileWatch?.[Symbol.dispose]();
  }

  /** "The integer values returned … will change if another connection commits a change". */
  #poll(): void {
    const version = this.#readVersion();
    if (version === this.#seenVersion) return;
    this.#seenVersion = version;
    for (const topic of TOPICS) this.#notifiers[topic].announce(null);
  }

  #readVersion(): unknown {
    try {
      return this.#dataVersion.get()?.["data_version"];
    } catch (error) {
      // Not this poller's to report: who is told looks, and meets the same error where it can be caught.
      // A lock is no outage; the next poll sees more.
      return isBusy(error) ? this.#seenVersion : null;
    }
  }

  #announceTouched(): void {
    for (const topic of TOPICS) {
      const touched = this.#touched[topic];
      if (touched.size === 0) continue;
      const ids = [...touched];
      touched.clear();
      this.#notifiers[topic].announce(ids);
    }
  }

  #forgetTouched(): void {
    for (const topic of TOPICS) this.#touched[topic].clear();
  }

  #closedError(): TidingsError {
    return new TidingsError("STORAGE_UNAVAILABLE", `the database ${this.path} has been closed`);
  }
}

const TOPICS: readonly DatabaseTopic[] = ["messages", "records", "control"];

const opened = new Map<string, TaskDatabase>();

/**
 * Opens the database at a path, or returns the one that this process has open.
 *
 * Makes file and folder if they are missing. Each user calls `close` once.
 *
 * @throws {TidingsError} STORAGE_UNAVAILABLE when that cannot be done.
 */
export function openTaskDatabase(path: string): TaskDatabase {
  try {
    const folder = dirname(resolve(path));
    mkdirSync(folder, { recursive: true });
    // Two ways to the same folder must lead to one connection.
    const file = join(realpathSync(folder), basename(path));
    const database = opened.get(file) ?? new TaskDatabase(file);
    opened.set(file, database);
    return database.use();
  } catch (error) {
    throw toStorageError(error, resolve(path));
  }
}

function openFile(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: OPEN_WAIT_MS });
  try {
    setUp(database);
    assertVersion(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function setUp(database: DatabaseSync): void {
  const deadline = performance.now() + OPEN_WAIT_MS;
  for (;;) {
    try {
      database.exec(`
        PRAGMA busy_timeout = ${OPEN_WAIT_MS};
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        BEGIN IMMEDIATE;
        ${SCHEMA}
      `);
      const version = readVersion(database);
      if (version === 1) database.exec(MIGRATION_FROM_1);
      if (version === 2) database.exec(MIGRATION_FROM_2);
      database.exec(`COMMIT; PRAGMA busy_timeout = ${LOCK_WAIT_MS};`);
      return;
    } catch (error) {
      // SQLite does not wait for a lock while another process switches the same file to WAL.
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
  }
}

function readVersion(database: DatabaseSync): unknown {
  return database.prepare("SELECT version FROM tidings_schema").get()?.["version"];
}

function assertVersion(database: DatabaseSync, path: string): void {
  const version = readVersion(database);
  if (version === SCHEMA_VERSION) return;
  throw new TidingsError(
    "STORAGE_UNAVAILABLE",
    `the database ${path} has tables of version ${String(version)}, this program knows ${SCHEMA_VERSION}; update it, or choose another file`,
  );
}
