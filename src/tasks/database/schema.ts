/** The version of the tables below. A file written by a later one is refused. */
export const SCHEMA_VERSION = 3;

/**
 * The tables of broker, dead letters, results, chords and control.
 *
 * Every name starts with `tidings_`, so that the file may hold other tables too. `due` finds the next
 * message of a queue and a priority, `leased` the few that workers have, among any number of waiting ones; a message is
 * in one of the two.
 */
export const SCHEMA: string = `
  CREATE TABLE IF NOT EXISTS tidings_schema (version INTEGER NOT NULL) STRICT;
  INSERT INTO tidings_schema (version)
    SELECT ${SCHEMA_VERSION} WHERE NOT EXISTS (SELECT 1 FROM tidings_schema);

  CREATE TABLE IF NOT EXISTS tidings_messages (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    content_type TEXT NOT NULL DEFAULT 'application/json',
    content_encoding TEXT NOT NULL DEFAULT 'utf-8',
    properties TEXT NOT NULL DEFAULT '{}',
    priority INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    leased_until INTEGER,
    runs INTEGER NOT NULL DEFAULT 0,
    lost_leases INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX IF NOT EXISTS tidings_messages_due
    ON tidings_messages (queue, priority, due_at) WHERE leased_until IS NULL;
  CREATE INDEX IF NOT EXISTS tidings_messages_leased
    ON tidings_messages (cancelled) WHERE leased_until IS NOT NULL;

  CREATE TABLE IF NOT EXISTS tidings_records (
    id TEXT PRIMARY KEY,
    runs INTEGER NOT NULL,
    finished_at INTEGER,
    revision INTEGER NOT NULL,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS tidings_records_finished
    ON tidings_records (finished_at) WHERE finished_at IS NOT NULL;

  CREATE TABLE IF NOT EXISTS tidings_chords (
    group_id TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    finisher TEXT,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS tidings_chord_parts (
    group_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    part TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (group_id, task_id)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS tidings_groups (
    group_id TEXT PRIMARY KEY,
    members TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE IF NOT EXISTS tidings_dead_letters (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    content_type TEXT NOT NULL,
    content_encoding TEXT NOT NULL,
    properties TEXT NOT NULL,
    runs INTEGER NOT NULL,
    lost_leases INTEGER NOT NULL,
    task TEXT,
    reason TEXT NOT NULL,
    error_type TEXT NOT NULL,
    error_message TEXT NOT NULL,
    died_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE IF NOT EXISTS tidings_control (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    inbox TEXT NOT NULL,
    body TEXT NOT NULL,
    headers TEXT NOT NULL,
    sent_at INTEGER NOT NULL
  ) STRICT;
`;

const KEPT_COLUMNS = "seq, id, queue, headers, due_at, leased_until, runs, lost_leases, cancelled";

/** Turns tables of version 1, whose bodies were JSON text, into those above. */
export const MIGRATION_FROM_1: string = `
  DROP INDEX tidings_messages_due;
  DROP INDEX tidings_messages_leased;
  ALTER TABLE tidings_messages RENAME TO tidings_messages_1;
  ${SCHEMA}
  INSERT INTO tidings_messages (${KEPT_COLUMNS}, body)
    SELECT ${KEPT_COLUMNS}, CAST(body AS BLOB) FROM tidings_messages_1;
  DROP TABLE tidings_messages_1;
  UPDATE tidings_schema SET version = ${SCHEMA_VERSION};
`;

/** Turns tables of version 2, which had no priorities, into those above. */
export const MIGRATION_FROM_2: string = `
  DROP INDEX tidings_messages_due;
  ALTER TABLE tidings_messages ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
  ${SCHEMA}
  UPDATE tidings_schema SET version = ${SCHEMA_VERSION};
`;
