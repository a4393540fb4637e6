import { DatabaseSync, type StatementSync } from "node:sqlite";

import { TidingsError } from "../core/errors.ts";
import { Notifier } from "../core/notifier.ts";
import type { SharedTransaction } from "../core/shared-transaction.ts";
import { FileWatch } from "./file-watch.ts";
import { GroupCommit } from "./group-commit.ts";
import { isBusy, toStorageError } from "./storage-error.ts";

/** How often commits of other processes are looked for: 3 µs of work, 20 times a second. */
const POLL_MS = 50;
/** How long SQLite itself waits for a lock. It blocks the process meanwhile, so not for long. */
const LOCK_WAIT_MS = 20;
/** How long opening waits for a lock: another process may be making the tables. */
const OPEN_WAIT_MS = 5_000;

/** The ids that changed; `null` when another process changed something. */
export type ChangedIds = readonly string[] | null;

/** The tables that a file has, and how one of an earlier version becomes one of this. */
export interface SqliteTables<TTopic extends string> {
  /** The table that holds their version, in one row. */
  readonly versionTable: string;
  /** A file written by a later version is refused. */
  readonly version: number;
  /** Makes what is missing; names start with `tidings_`, so that the file may hold other tables too. */
  readonly create: string;
  /** What turns the tables of an earlier version into these. */
  readonly migrations: ReadonlyMap<number, string>;
  /** What can change, so that others are told of it. */
  readonly topics: readonly TTopic[];
}

interface Topic {
  readonly notifier: Notifier<ChangedIds>;
  /** Ids of which the commit that is made now says that they changed. */
  readonly touched: Set<string>;
}

/**
 * A SQLite file, opened once per process.
 *
 * Durable: write-ahead log, `synchronous = FULL`, so a commit is on the disk when its promise resolves.
 * Commits are grouped ({@link GroupCommit}). Commits of other processes are noticed soon after their log is
 * written, or within 50 ms, by one poller for all who listen. When the file cannot be read, listeners are told once, so that they look
 * and meet the error, and once more when it can be read again.
 */
export class SqliteDatabase<TTopic extends string = string> implements SharedTransaction {
  readonly path: string;
  readonly #onClose: () => void;
  readonly #database: DatabaseSync;
  readonly #commits: GroupCommit;
  readonly #topics: ReadonlyMap<TTopic, Topic>;
  readonly #dataVersion: StatementSync;
  /** `null` during an outage. */
  #seenVersion: unknown;
  #poller: NodeJS.Timeout | undefined;
  #fileWatch: FileWatch | undefined;
  #users = 0;

  /** @internal Use {@link SqliteFiles}. */
  constructor(path: string, tables: SqliteTables<TTopic>, onClose: () => void) {
    this.path = path;
    this.#onClose = onClose;
    this.#database = openFile(path, tables);
    this.#topics = new Map(
      tables.topics.map((topic) => [topic, { notifier: new Notifier(), touched: new Set() }]),
    );
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
  touch(topic: TTopic, id: string): void {
    this.#topicOf(topic).touched.add(id);
  }

  onChange(topic: TTopic, listener: (changed: ChangedIds) => void): () => void {
    if (this.#users === 0) throw this.#closedError();
    const unsubscribe = this.#topicOf(topic).notifier.subscribe(listener);
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
    this.#onClose();
    this.#database.close();
  }

  get #listenerCount(): number {
    return this.#topics.values().reduce((count, { notifier }) => count + notifier.size, 0);
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
    for (const { notifier } of this.#topics.values()) notifier.announce(null);
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
    for (const { notifier, touched } of this.#topics.values()) {
      if (touched.size === 0) continue;
      const ids = [...touched];
      touched.clear();
      notifier.announce(ids);
    }
  }

  #forgetTouched(): void {
    for (const { touched } of this.#topics.values()) touched.clear();
  }

  #topicOf(name: TTopic): Topic {
    const topic = this.#topics.get(name);
    if (topic) return topic;
    throw new TypeError(`expected a topic of the database, got ${name}`);
  }

  #closedError(): TidingsError {
    return new TidingsError("STORAGE_UNAVAILABLE", `the database ${this.path} has been closed`);
  }
}

function openFile(path: string, tables: SqliteTables<string>): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: OPEN_WAIT_MS });
  try {
    setUp(database, tables);
    assertVersion(database, path, tables);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function setUp(database: DatabaseSync, tables: SqliteTables<string>): void {
  const deadline = performance.now() + OPEN_WAIT_MS;
  for (;;) {
    try {
      database.exec(`
        PRAGMA busy_timeout = ${OPEN_WAIT_MS};
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        BEGIN IMMEDIATE;
        ${tables.create}
      `);
      const migration = tables.migrations.get(readVersion(database, tables));
      if (migration !== undefined) database.exec(migration);
      database.exec(`COMMIT; PRAGMA busy_timeout = ${LOCK_WAIT_MS};`);
      return;
    } catch (error) {
      // SQLite does not wait for a lock while another process switches the same file to WAL.
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
  }
}

function readVersion(database: DatabaseSync, { versionTable }: SqliteTables<string>): number {
  return Number(database.prepare(`SELECT version FROM ${versionTable}`).get()?.["version"]);
}

function assertVersion(database: DatabaseSync, path: string, tables: SqliteTables<string>): void {
  const version = readVersion(database, tables);
  if (version === tables.version) return;
  throw new TidingsError(
    "STORAGE_UNAVAILABLE",
    `the database ${path} has tables of version ${version}, this program knows ${tables.version}; update it, or choose another file`,
  );
}
