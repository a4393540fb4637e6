import type { LastingStatement } from "../../sqlite/index.ts";
import type { TaskDatabase } from "../database/task-database.ts";

/** The tables of limits. Times are milliseconds since 1970. */
export const LIMIT_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS tidings_limits (
    key TEXT PRIMARY KEY,
    slots INTEGER NOT NULL,
    next_at REAL NOT NULL DEFAULT 0,
    freed_at REAL NOT NULL DEFAULT 0,
    asked_at REAL NOT NULL,
    called_at REAL,
    called_to INTEGER NOT NULL DEFAULT 0
  ) STRICT`,
  `CREATE INDEX IF NOT EXISTS tidings_limits_called ON tidings_limits (called_at)
    WHERE called_at IS NOT NULL`,
  `CREATE TABLE IF NOT EXISTS tidings_limit_slots (
    key TEXT NOT NULL,
    holder TEXT NOT NULL,
    ends_at REAL NOT NULL,
    PRIMARY KEY (key, holder)
  ) STRICT`,
  `CREATE INDEX IF NOT EXISTS tidings_limit_slots_end ON tidings_limit_slots (ends_at)`,
  `CREATE TABLE IF NOT EXISTS tidings_limit_lines (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    queue TEXT NOT NULL,
    UNIQUE (key, id)
  ) STRICT`,
  `CREATE INDEX IF NOT EXISTS tidings_limit_lines_order ON tidings_limit_lines (key, number)`,
  `CREATE TABLE IF NOT EXISTS tidings_claims (
    key TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    firm INTEGER NOT NULL,
    ends_at REAL NOT NULL
  ) STRICT`,
];

type StatementName =
  | "meet"
  | "state"
  | "rank"
  | "count"
  | "dead"
  | "dropDead"
  | "free"
  | "hold"
  | "renew"
  | "release"
  | "advance"
  | "wait"
  | "leave"
  | "passOver"
  | "next"
  | "call"
  | "uncall"
  | "called"
  | "claim"
  | "keep"
  | "replace"
  | "holder"
  | "unclaim"
  | "forget"
  | "forgetLines"
  | "forgetClaims";

/** What is asked of the tables. */
export type LimitStatements = Readonly<Record<StatementName, LastingStatement>>;

/** Prepares what is asked of the tables. */
export function prepareLimits(database: TaskDatabase): LimitStatements {
  return {
    meet: database.prepare(`
      INSERT INTO tidings_limits (key, slots, asked_at) VALUES (?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET slots = excluded.slots, asked_at = excluded.asked_at`),
    state: database.prepare(`SELECT * FROM tidings_limits WHERE key = ?`),
    rank: database.prepare(`
      SELECT count(*) AS rank FROM tidings_limit_lines WHERE key = ? AND number < coalesce(
        (SELECT number FROM tidings_limit_lines WHERE key = ? AND id = ?), 9e15)`),
    count: database.prepare(`SELECT count(*) AS held FROM tidings_limit_slots WHERE key = ?`),
    dead: database.prepare(`
      SELECT DISTINCT key FROM tidings_limit_slots WHERE ends_at <= ? LIMIT 100`),
    dropDead: database.prepare(`DELETE FROM tidings_limit_slots WHERE key = ? AND ends_at <= ?`),
    free: database.prepare(`UPDATE tidings_limits SET freed_at = ? WHERE key = ?`),
    hold: database.prepare(`
      INSERT INTO tidings_limit_slots (key, holder, ends_at) VALUES (?, ?, ?)`),
    renew: database.prepare(`
      UPDATE tidings_limit_slots SET ends_at = ?
      WHERE key = ? AND holder = ? AND ends_at > ?`),
    release: database.prepare(`
      DELETE FROM tidings_limit_slots WHERE key = ? AND holder = ?`),
    advance: database.prepare(`UPDATE tidings_limits SET next_at = ? WHERE key = ?`),
    wait: database.prepare(`
      INSERT INTO tidings_limit_lines (key, id, queue)
      SELECT ?, ?, ? WHERE (SELECT count(*) FROM tidings_limit_lines WHERE key = ?) < ?
      ON CONFLICT (key, id) DO NOTHING`),
    leave: database.prepare(`DELETE FROM tidings_limit_lines WHERE key = ? AND id = ?`),
    passOver: database.prepare(`
      DELETE FROM tidings_limit_lines WHERE number IN (
        SELECT number FROM tidings_limit_lines WHERE key = ? AND number <= ?
        ORDER BY number LIMIT ?)`),
    next: database.prepare(`
      SELECT id, queue, number FROM tidings_limit_lines WHERE key = ? ORDER BY number LIMIT ?`),
    call: database.prepare(`
      UPDATE tidings_limits SET called_at = ?, called_to = max(called_to, ?) WHERE key = ?`),
    uncall: database.prepare(`
      UPDATE tidings_limits SET called_to = min(called_to, coalesce(
        (SELECT number - 1 FROM tidings_limit_lines WHERE key = ? AND id = ?), called_to))
      WHERE key = ?`),
    called: database.prepare(`
      SELECT key FROM tidings_limits WHERE called_at IS NOT NULL AND called_at <= ? LIMIT 100`),
    claim: database.prepare(`
      INSERT INTO tidings_claims (key, id, firm, ends_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (key) DO UPDATE
        SET id = excluded.id, firm = excluded.firm, ends_at = excluded.ends_at
      WHERE tidings_claims.id = excluded.id OR tidings_claims.ends_at <= ?`),
    keep: database.prepare(`
      UPDATE tidings_claims SET firm = ?, ends_at = ? WHERE key = ? AND id = ? AND ends_at > ?`),
    replace: database.prepare(`
      INSERT OR REPLACE INTO tidings_claims (key, id, firm, ends_at) VALUES (?, ?, ?, ?)`),
    holder: database.prepare(`SELECT id, firm FROM tidings_claims WHERE key = ? AND ends_at > ?`),
    unclaim: database.prepare(`DELETE FROM tidings_claims WHERE key = ? AND id = ?`),
    forget: database.prepare(`
      DELETE FROM tidings_limits WHERE asked_at < ? AND next_at < ?
        AND key NOT IN (SELECT key FROM tidings_limit_slots)`),
    forgetLines: database.prepare(`
      DELETE FROM tidings_limit_lines WHERE key NOT IN (SELECT key FROM tidings_limits)`),
    forgetClaims: database.prepare(`DELETE FROM tidings_claims WHERE ends_at <= ?`),
  };
}
