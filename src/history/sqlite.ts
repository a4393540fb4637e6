import { TidingsError, toError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import {
  assertGroupName,
  createCodec,
  isolateMessage,
  type OutgoingMessage,
} from "../layers/index.ts";
import type { Position } from "../protocol/index.ts";
import { SqliteFiles, type SqliteDatabase } from "../sqlite/index.ts";
import { DEFAULT_LIMIT, EPOCH_TTL_MS, toHistoryBounds } from "./history-bounds.ts";
import type {
  GroupHistory,
  HistoryBounds,
  HistoryEntry,
  HistoryListener,
  Recovery,
} from "./history.ts";
import { newEpoch } from "./new-epoch.ts";

const files = new SqliteFiles<"entries">({
  versionTable: "tidings_history_schema",
  version: 1,
  create: `
    CREATE TABLE IF NOT EXISTS tidings_history_schema (version INTEGER NOT NULL) STRICT;
    INSERT INTO tidings_history_schema (version)
      SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM tidings_history_schema);
    CREATE TABLE IF NOT EXISTS tidings_history_groups (
      group_name TEXT PRIMARY KEY,
      epoch TEXT NOT NULL,
      last_offset INTEGER NOT NULL,
      forgotten_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS tidings_history_entries (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      group_name TEXT NOT NULL,
      entry_offset INTEGER NOT NULL,
      message BLOB NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS tidings_history_order
      ON tidings_history_entries (group_name, entry_offset);
    CREATE INDEX IF NOT EXISTS tidings_history_age ON tidings_history_entries (expires_at);
  `,
  migrations: new Map(),
  topics: ["entries"],
});

const SWEEP_MS = 10_000;
const SWEEP_SIZE = 1_000;
/** How many new entries are read at once. */
const BATCH = 500;

/** Options of the {@link SqliteHistory}. */
export interface SqliteHistoryOptions {
  /** Stands before the names of groups in the file, for several layers in one. @default "" */
  readonly prefix?: string | undefined;
  readonly logger?: Logger | undefined;
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/**
 * The history of groups in a SQLite file.
 *
 * Survives: restarts; what SQLite loses when the machine loses its power. Reaches: every process of
 * this machine that opens the same file, within milliseconds.
 */
export class SqliteHistory implements GroupHistory {
  readonly #database: SqliteDatabase<"entries">;
  readonly #prefix: string;
  readonly #logger: Logger | undefined;
  readonly #now: () => number;
  readonly #codec = createCodec();
  readonly #statements;
  readonly #listeners = new Map<string, Set<HistoryListener>>();
  #unsubscribe: (() => void) | undefined;
  /** Entries up to this one have been heard. */
  #heard = 0;
  #isOut = false;
  #nextSweep = 0;
  #isClosed = false;

  constructor(path: string, { prefix = "", logger, now = Date.now }: SqliteHistoryOptions = {}) {
    this.#database = files.open(path);
    this.#prefix = prefix;
    this.#logger = logger;
    this.#now = now;
    this.#statements = prepare(this.#database);
  }

  async append(group: string, message: OutgoingMessage, bounds?: HistoryBounds): Promise<Position> {
    const name = this.#nameOf(group);
    const { size, ageMs } = toHistoryBounds(bounds);
    const bytes = this.#codec.encode(isolateMessage(message).message);
    const { add, evict, advance } = this.#statements;
    return await this.#database.run(() => {
      const now = this.#now();
      this.#sweep(now);
      const { epoch, offset: last } = this.#open(name, now);
      const offset = last + 1;
      add.run(name, offset, bytes, now + ageMs);
      evict.run(name, offset - size, now);
      advance.run(offset, now + EPOCH_TTL_MS, name);
      this.#database.touch("entries", name);
      return { epoch, offset };
    });
  }

  async position(group: string): Promise<Position> {
    const name = this.#nameOf(group);
    return await this.#database.run(() => this.#open(name, this.#now()));
  }

  async since(
    group: string,
    { epoch, offset }: Position,
    limit: number = DEFAULT_LIMIT,
  ): Promise<Recovery> {
    const name = this.#nameOf(group);
    // A read alone would not put off the end of the epoch.
    return await this.#database.run(() => {
      const now = this.#now();
      const position = this.#open(name, now);
      if (epoch !== position.epoch || offset > position.offset) {
        return { kind: "reset", reason: "epoch-changed", position };
      }
      const rows = this.#statements.since.all(name, offset, now, limit + 1);
      const count = position.offset - offset;
      if (rows.length < Math.min(count, limit + 1)) {
        return { kind: "reset", reason: "evicted", position };
      }
      if (count > limit) return { kind: "reset", reason: "too-far", position };
      return { kind: "recovered", entries: rows.map((row) => this.#toEntry(epoch, row)), position };
    });
  }

  async listen(group: string, listener: HistoryListener): Promise<() => void> {
    const name = this.#nameOf(group);
    if (!this.#unsubscribe) {
      this.#heard = this.#lastId();
      this.#unsubscribe = this.#database.onChange("entries", () => this.#hear());
    }
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.#listeners.delete(name);
      if (this.#listeners.size > 0) return;
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listeners.clear();
    this.#unsubscribe?.();
    this.#database.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Reads what was added since it last did, in any group, and tells who listens. */
  #hear(): void {
    try {
      // Another file is in the place of the one that was heard.
      if (this.#isOut || this.#lastId() < this.#heard) this.#tellGap();
      this.#isOut = false;
      for (let rows = this.#read(); rows.length > 0; rows = this.#read()) {
        for (const row of rows) this.#tell(row);
      }
    } catch (thrown) {
      if (!this.#isOut) this.#logger?.warn({ err: toError(thrown) }, "history out of reach");
      this.#isOut = true;
    }
  }

  #read(): readonly Row[] {
    return this.#database.read(() => this.#statements.added.all(this.#heard, BATCH));
  }

  #tell(row: Row): void {
    this.#heard = Number(row["id"]);
    const listeners = this.#listeners.get(String(row["group_name"]));
    if (!listeners) return;
    const entry = this.#toEntry(String(row["epoch"]), row);
    for (const listener of listeners) listener.onEntry(entry);
  }

  #tellGap(): void {
    this.#heard = this.#lastId();
    for (const listener of [...this.#listeners.values()].flatMap((each) => [...each])) {
      listener.onGap();
    }
  }

  #lastId(): number {
    return Number(this.#database.read(() => this.#statements.lastId.get())?.["id"] ?? 0);
  }

  /** The group's position; begins its history if it has none, or none any more. */
  #open(name: string, now: number): Position {
    const { find, begin, empty } = this.#statements;
    const row = find.get(name);
    if (row && Number(row["forgotten_at"]) > now) {
      if (Number(row["forgotten_at"]) < now + EPOCH_TTL_MS / 2) {
        this.#statements.advance.run(Number(row["last_offset"]), now + EPOCH_TTL_MS, name);
      }
      return { epoch: String(row["epoch"]), offset: Number(row["last_offset"]) };
    }
    const epoch = newEpoch();
    empty.run(name);
    begin.run(name, epoch, now + EPOCH_TTL_MS);
    return { epoch, offset: 0 };
  }

  #sweep(now: number): void {
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + SWEEP_MS;
    this.#statements.dropOld.run(now, SWEEP_SIZE);
    this.#statements.forget.run(now, SWEEP_SIZE);
  }

  #toEntry(epoch: string, row: Row): HistoryEntry {
    const bytes = row["message"];
    if (!(bytes instanceof Uint8Array)) throw new TypeError("expected a message in the history");
    const { message } = this.#codec.decode(bytes);
    return { position: { epoch, offset: Number(row["entry_offset"]) }, message };
  }

  #nameOf(group: string): string {
    if (this.#isClosed) throw new TidingsError("HISTORY_CLOSED", "the history is closed");
    return this.#prefix + assertGroupName(group);
  }
}

type Row = Readonly<Record<string, unknown>>;

function prepare(database: SqliteDatabase<"entries">) {
  return {
    find: database.prepare(
      "SELECT epoch, last_offset, forgotten_at FROM tidings_history_groups WHERE group_name = ?",
    ),
    begin: database.prepare(
      `INSERT OR REPLACE INTO tidings_history_groups (group_name, epoch, last_offset, forgotten_at)
         VALUES (?, ?, 0, ?)`,
    ),
    empty: database.prepare("DELETE FROM tidings_history_entries WHERE group_name = ?"),
    add: database.prepare(
      `INSERT INTO tidings_history_entries (group_name, entry_offset, message, expires_at)
         VALUES (?, ?, ?, ?)`,
    ),
    evict: database.prepare(
      `DELETE FROM tidings_history_entries
         WHERE group_name = ?1 AND (entry_offset <= ?2 OR expires_at <= ?3)`,
    ),
    advance: database.prepare(
      "UPDATE tidings_history_groups SET last_offset = ?, forgotten_at = ? WHERE group_name = ?",
    ),
    since: database.prepare(
      `SELECT entry_offset, message FROM tidings_history_entries
         WHERE group_name = ? AND entry_offset > ? AND expires_at > ?
         ORDER BY entry_offset LIMIT ?`,
    ),
    added: database.prepare(
      `SELECT id, group_name, entry_offset, message, epoch
         FROM tidings_history_entries JOIN tidings_history_groups USING (group_name)
         WHERE id > ? ORDER BY id LIMIT ?`,
    ),
    lastId: database.prepare(
      "SELECT seq AS id FROM sqlite_sequence WHERE name = 'tidings_history_entries'",
    ),
    dropOld: database.prepare(
      `DELETE FROM tidings_history_entries WHERE id IN
         (SELECT id FROM tidings_history_entries WHERE expires_at <= ? LIMIT ?)`,
    ),
    forget: database.prepare(
      `DELETE FROM tidings_history_groups WHERE group_name IN
         (SELECT group_name FROM tidings_history_groups WHERE forgotten_at <= ? LIMIT ?)`,
    ),
  };
}
