import { statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";

import { TidingsError } from "../core/errors.ts";
import { Notifier } from "../core/notifier.ts";
import type { SharedTransaction } from "../core/shared-transaction.ts";
import { FileWatch } from "./file-watch.ts";
import { GroupCommit } from "./group-commit.ts";
import { LastingStatement } from "./lasting-statement.ts";
import { makeFolder } from "./make-folder.ts";
import { openFile, type SqliteTables } from "./open-file.ts";
import { isBusy, toStorageError } from "./storage-error.ts";

/** How often commits of other processes are looked for: 3 µs of work, 20 times a second. */
const POLL_MS = 50;
/** How often it is looked whether the file is still in its place: 4 µs of work. */
const PLACE_CHECK_MS = 100;
/** For so long everybody meets the error of a file that is gone, before one in its place is opened. */
const GONE_MS = 150;

/** The ids that changed; `null` when another process changed something. */
export type ChangedIds = readonly string[] | null;

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
 *
 * A file that is removed, or replaced by another one, is a short outage, in which everybody meets
 * STORAGE_UNAVAILABLE. Then what is in its place is opened, or made. What was committed in the tenth of a second
 * before it was noticed is gone with the file.
 */
export class SqliteDatabase<TTopic extends string = string> implements SharedTransaction {
  readonly path: string;
  readonly #tables: SqliteTables<TTopic>;
  readonly #onClose: () => void;
  readonly #commits: GroupCommit;
  readonly #topics: ReadonlyMap<TTopic, Topic>;
  readonly #dataVersion: LastingStatement;
  #database: DatabaseSync;
  /** Which file is open. */
  #identity: string | undefined;
  /** When it is next looked whether it is in its place, or what is there is opened. */
  #checkAt = 0;
  /** Since the file is gone: why nothing in its place could be opened, if that was tried. */
  #gone: { readonly cause?: Error } | undefined;
  /** `null` during an outage. */
  #seenVersion: unknown;
  #poller: NodeJS.Timeout | undefined;
  #fileWatch: FileWatch | undefined;
  #users = 0;

  /** @internal Use {@link SqliteFiles}. */
  constructor(path: string, tables: SqliteTables<TTopic>, onClose: () => void) {
    this.path = path;
    this.#tables = tables;
    this.#onClose = onClose;
    this.#database = openFile(path, tables);
    this.#identity = identify(path);
    this.#topics = new Map(
      tables.topics.map((topic) => [topic, { notifier: new Notifier(), touched: new Set() }]),
    );
    this.#dataVersion = this.prepare("PRAGMA data_version");
    this.#commits = new GroupCommit(() => this.#connect(), path, {
      onCommit: () => this.#announceTouched(),
      onRollback: () => this.#forgetTouched(),
    });
  }

  /** Counts one more user; each must call `close`. */
  use(): this {
    this.#users++;
    return this;
  }

  /** The connection of now: another one after the file was replaced. */
  get connection(): DatabaseSync {
    return this.#database;
  }

  prepare(sql: string): LastingStatement {
    return new LastingStatement(sql, () => this.#database);
  }

  /** Runs `work` in the next commit. */
  run<T>(work: () => T): Promise<T> {
    if (this.#users === 0) return Promise.reject(this.#closedError());
    return this.#commits.run(work);
  }

  /** Reads what is committed. */
  read<T>(work: () => T): T {
    if (this.#users === 0) throw this.#closedError();
    // While it is looked for commits of others, that looks for the file, too.
    if (!this.#poller || this.#gone) this.#connect();
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

  /**
   * Returns the connection to the file that is at the path.
   *
   * @throws {TidingsError} STORAGE_UNAVAILABLE when the one that was open has gone from there.
   */
  #connect(): DatabaseSync {
    const now = performance.now();
    if (now >= this.#checkAt) {
      this.#checkAt = now + PLACE_CHECK_MS;
      if (this.#gone) this.#openAgain();
      else if (identify(this.path) !== this.#identity) this.#lose();
      if (this.#gone) this.#checkAt = now + GONE_MS;
    }
    if (this.#gone) throw this.#goneError(this.#gone.cause);
    return this.#database;
  }

  /** Has all who listen look, and meet the error, before another file is opened. */
  #lose(): void {
    this.#gone = {};
    this.#seenVersion = null;
    setImmediate(() => this.#announceAll());
  }

  /** Opens what is at the path now, or makes it. */
  #openAgain(): void {
    try {
      makeFolder(dirname(this.path));
      const database = openFile(this.path, this.#tables);
      this.#database.close();
      this.#database = database;
      this.#identity = identify(this.path);
      this.#gone = undefined;
      if (this.#poller) this.#watchFile();
    } catch (error) {
      this.#gone = { cause: toStorageError(error, this.path) };
    }
  }

  #startPolling(): void {
    if (this.#poller) return;
    this.#seenVersion = this.#readVersion();
    // Not unref'd: whoever listens is waiting for another process.
    this.#poller = setInterval(() => this.#poll(), POLL_MS);
    this.#watchFile();
  }

  #watchFile(): void {
    this.#fileWatch?.[Symbol.dispose]();
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
    this.#announceAll();
  }

  #announceAll(): void {
    for (const { notifier } of this.#topics.values()) notifier.announce(null);
  }

  #readVersion(): unknown {
    try {
      this.#connect();
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

  #goneError(cause: Error | undefined): TidingsError {
    const message = `the database ${this.path} has been removed or replaced: what was in it is no longer there`;
    const why = cause ? `, and nothing can be opened in its place: ${cause.message}` : "";
    return new TidingsError("STORAGE_UNAVAILABLE", message + why, { cause });
  }

  #closedError(): TidingsError {
    return new TidingsError("STORAGE_UNAVAILABLE", `the database ${this.path} has been closed`);
  }
}

/** Which file is at a path; `undefined` for none. */
function identify(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}-${found.ino}`;
}
