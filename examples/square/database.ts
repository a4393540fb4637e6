import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { TidingsError } from "tidings";

import { dataFolder } from "./data-folder.ts";

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password TEXT NOT NULL,
    staff INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    text TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS messages_by_room ON messages (room, id);
  CREATE TABLE IF NOT EXISTS topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    author_id INTEGER NOT NULL REFERENCES users (id),
    text TEXT NOT NULL,
    saved_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS pulse (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    beat INTEGER NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  INSERT OR IGNORE INTO pulse VALUES (1, 0, 0);
`;

/** The square's own database: people, chat, notes, who started which job, and the pulse. */
export const database: DatabaseSync = openDatabase(join(dataFolder, "square.db"));

function openDatabase(path: string): DatabaseSync {
  try {
    // The server and the worker open it at the same moment; the second waits for the first.
    const opened = new DatabaseSync(path, { timeout: 5_000 });
    opened.exec(SCHEMA);
    return opened;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidingsError(
      "STORAGE_UNAVAILABLE",
      `cannot use the database ${path}: ${reason}; restore it, or move it away to start afresh`,
      { cause },
    );
  }
}
