import { TidingsError } from "../../core/errors.ts";
import { Notifier } from "../../core/notifier.ts";
import type { LastingStatement } from "../../sqlite/index.ts";
import { SqliteChords } from "../chords/sqlite.ts";
import { openTaskDatabase, type TaskDatabase } from "../database/task-database.ts";
import type { LimitStore } from "../limits/limit-store.ts";
import { SqliteLimits } from "../limits/sqlite.ts";
import { readRecordJson, writeRecordJson } from "./record-json.ts";
import {
  EXPIRE_LIMIT,
  toExpiresMs,
  type ChangedRecords,
  type ResultStore,
  type SharedResults,
} from "./result-store.ts";
import type { TaskRecord } from "./task-record.ts";

/** How to make {@link SqliteResults}. */
export interface SqliteResultsOptions {
  /** A final record is not found so long after its end. @default until a worker removes it */
  readonly expiresMs?: number | undefined;
}

/**
 * A result store in an SQLite file.
 *
 * Survives: the end of every process, and a loss of power. Bound: the disk; records expire.
 */
export class SqliteResults implements ResultStore {
  readonly limits: LimitStore;
  readonly chords: SqliteChords;
  readonly #database: TaskDatabase;
  readonly #get: LastingStatement;
  readonly #store: LastingStatement;
  readonly #forget: LastingStatement;
  readonly #expire: LastingStatement;
  /** Of this store alone: a broker may use the database on. */
  readonly #closing = new Notifier<null>();
  readonly #expiresMs: number;
  #closed = false;

  constructor(path: string, { expiresMs }: SqliteResultsOptions = {}) {
    this.#expiresMs = toExpiresMs(expiresMs);
    this.#database = openTaskDatabase(path);
    this.limits = new SqliteLimits(this.#database);
    this.chords = new SqliteChords(this.#database);
    this.#get = this.#database.prepare(`
      SELECT record, revision FROM tidings_records
      WHERE id = ? AND (finished_at IS NULL OR finished_at >= ?)`);
    this.#store = this.#database.prepare(`
      INSERT INTO tidings_records (id, runs, finished_at, revision, record) VALUES (?, ?, ?, 1, ?)
      ON CONFLICT (id) DO UPDATE SET
        runs = excluded.runs, finished_at = excluded.finished_at,
        revision = revision + 1, record = excluded.record
      WHERE (tidings_records.finished_at IS NULL AND tidings_records.runs <= excluded.runs)
        OR tidings_records.finished_at < ?`);
    this.#forget = this.#database.prepare("DELETE FROM tidings_records WHERE id = ?");
    this.#expire = this.#database.prepare(`
      DELETE FROM tidings_records WHERE rowid IN (
        SELECT rowid FROM tidings_records WHERE finished_at IS NOT NULL AND finished_at < ? LIMIT ?)`);
  }

  get shared(): SharedResults {
    return {
      transaction: this.#database,
      store: (record) => this.#storeText(record, writeRecordJson(record)),
    };
  }

  async get(id: string): Promise<TaskRecord | null> {
    this.#assertOpen();
    const row = this.#database.read(() => this.#get.get(id, this.#oldest));
    return row ? readRecordJson(id, String(row["record"]), Number(row["revision"])) : null;
  }

  async store(record: TaskRecord): Promise<boolean> {
    this.#assertOpen();
    // Written down at once: the caller may go on changing what is inside.
    const text = writeRecordJson(record);
    return this.#database.run(() => this.#storeText(record, text));
  }

  async forget(id: string): Promise<void> {
    this.#assertOpen();
    await this.#database.run(() => {
      if (this.#forget.run(id).changes === 1) this.#database.touch("records", id);
    });
  }

  async expire(before: number): Promise<number> {
    this.#assertOpen();
    return this.#database.run(() => {
      this.chords.expire(before, EXPIRE_LIMIT);
      return Number(this.#expire.run(before, EXPIRE_LIMIT).changes);
    });
  }

  onChange(listener: (changed: ChangedRecords) => void): () => void {
    this.#assertOpen();
    const leaveDatabase = this.#database.onChange("records", listener);
    const leaveClosing = this.#closing.subscribe(listener);
    return () => {
      leaveDatabase();
      leaveClosing();
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
    this.#closing.announce(null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What has ended before has expired, whether it was removed yet or not. */
  get #oldest(): number {
    return Math.max(Date.now() - this.#expiresMs, 0);
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    const { path } = this.#database;
    throw new TidingsError("STORAGE_UNAVAILABLE", `the result store ${path} has been closed`);
  }

  #storeText({ id, runs, finishedAt }: TaskRecord, text: string): boolean {
    const stored = this.#store.run(id, runs, finishedAt, text, this.#oldest).changes === 1;
    if (stored) this.#database.touch("records", id);
    return stored;
  }
}
