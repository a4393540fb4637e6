import { randomUUID } from "node:crypto";

import { TidingsError } from "../core/errors.ts";
import { SqliteFiles, type SqliteDatabase } from "../sqlite/index.ts";
import {
  MAX_LISTED,
  type Attendance,
  type Departure,
  type Entrance,
  type PresenceSession,
  type PresenceStore,
} from "./presence-store.ts";

const files = new SqliteFiles<never>({
  versionTable: "tidings_presence_schema",
  version: 1,
  create: `
    CREATE TABLE IF NOT EXISTS tidings_presence_schema (version INTEGER NOT NULL) STRICT;
    INSERT INTO tidings_presence_schema (version)
      SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM tidings_presence_schema);
    CREATE TABLE IF NOT EXISTS tidings_presence_processes (
      id TEXT PRIMARY KEY,
      leased_until INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS tidings_presence_members (
      group_name TEXT NOT NULL,
      key TEXT NOT NULL,
      data TEXT NOT NULL,
      since INTEGER NOT NULL,
      leaves_at INTEGER,
      PRIMARY KEY (group_name, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS tidings_presence_leaving
      ON tidings_presence_members (leaves_at) WHERE leaves_at IS NOT NULL;
    CREATE TABLE IF NOT EXISTS tidings_presence_sessions (
      group_name TEXT NOT NULL,
      key TEXT NOT NULL,
      session TEXT NOT NULL,
      process TEXT NOT NULL,
      PRIMARY KEY (group_name, key, session)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS tidings_presence_of_process
      ON tidings_presence_sessions (process);
  `,
  migrations: new Map(),
  topics: [],
});

/** How many sessions of dead processes, and how many departures, one sweep takes. */
const SWEEP_SIZE = 200;

/** Options of the {@link SqlitePresence}. */
export interface SqlitePresenceOptions {
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** Who is in which group, for every process that opens the same file. */
export class SqlitePresence implements PresenceStore {
  readonly #database: SqliteDatabase<never>;
  readonly #now: () => number;
  /** This process, as others see it. */
  readonly #process = randomUUID();
  readonly #statements;
  #isClosed = false;

  constructor(path: string, { now = Date.now }: SqlitePresenceOptions = {}) {
    this.#database = files.open(path);
    this.#now = now;
    this.#statements = prepare(this.#database);
  }

  async enter(
    { group, key, session }: PresenceSession,
    data: unknown,
    leaseMs: number,
  ): Promise<Entrance> {
    const { lease, addSession, find, put, count } = this.#statements;
    const text = JSON.stringify(data) ?? "null";
    return await this.#run(() => {
      const now = this.#now();
      lease.run(this.#process, now + leaseMs);
      addSession.run(group, key, session, this.#process);
      const known = find.get(group, key);
      const since = Number(known?.["since"] ?? now);
      put.run(group, key, text, since);
      const member = { key, data, since };
      const kind = known ? "updated" : "joined";
      return {
        kind: known?.["data"] === text ? null : kind,
        member,
        count: Number(count.get(group)?.["count"]),
      };
    });
  }

  async leave({ group, key, session }: PresenceSession, graceMs: number): Promise<void> {
    await this.#run(() => {
      const { changes } = this.#statements.removeSession.run(group, key, session);
      if (Number(changes) > 0) this.#startGrace(group, key, graceMs);
    });
  }

  async renew(leaseMs: number): Promise<boolean> {
    const { leaseOf, lease } = this.#statements;
    return await this.#run(() => {
      const now = this.#now();
      const until = leaseOf.get(this.#process)?.["leased_until"];
      lease.run(this.#process, now + leaseMs);
      return typeof until === "number" && until > now;
    });
  }

  async sweep(graceMs: number): Promise<readonly Departure[]> {
    const { deadSessions, removeSession, removeDead, leaving, remove, count } = this.#statements;
    // Most sweeps find nothing: they write nothing.
    const isDue = this.#read(() => this.#statements.isDue.get(this.#now(), this.#now()));
    if (!isDue?.["due"]) return [];
    return await this.#run(() => {
      const now = this.#now();
      for (const row of deadSessions.all(now, SWEEP_SIZE)) {
        const [group, key] = [String(row["group_name"]), String(row["key"])];
        removeSession.run(group, key, String(row["session"]));
        this.#startGrace(group, key, graceMs);
      }
      removeDead.run(now);
      return leaving.all(now, SWEEP_SIZE).map((row) => {
        const [group, key] = [String(row["group_name"]), String(row["key"])];
        remove.run(group, key);
        const member = { key, data: parse(row["data"]), since: Number(row["since"]) };
        return { group, member, count: Number(count.get(group)?.["count"]) };
      });
    });
  }

  async read(group: string): Promise<Attendance> {
    return this.#read(() => {
      const count = Number(this.#statements.count.get(group)?.["count"]);
      if (count > MAX_LISTED) return { count, members: null };
      const members = this.#statements.list.all(group).map((row) => ({
        key: String(row["key"]),
        data: parse(row["data"]),
        since: Number(row["since"]),
      }));
      return { count, members };
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#database.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For one whose last session has gone. */
  #startGrace(group: string, key: string, graceMs: number): void {
    const { hasSession, leave } = this.#statements;
    if (!hasSession.get(group, key)) leave.run(this.#now() + graceMs, group, key);
  }

  #read<T>(work: () => T): T {
    this.#assertOpen();
    return this.#database.read(work);
  }

  async #run<T>(work: () => T): Promise<T> {
    this.#assertOpen();
    return await this.#database.run(work);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TidingsError("PRESENCE_CLOSED", "the presence is closed");
  }
}

function parse(json: unknown): unknown {
  const data: unknown = JSON.parse(String(json));
  return data;
}

function prepare(database: SqliteDatabase<never>) {
  const members = "tidings_presence_members";
  const sessions = "tidings_presence_sessions";
  const processes = "tidings_presence_processes";
  const sql = (text: string) => database.prepare(text);
  return {
    lease: sql(`
      INSERT INTO ${processes} (id, leased_until) VALUES (?, ?)
      ON CONFLICT (id) DO UPDATE SET leased_until = excluded.leased_until`),
    leaseOf: sql(`SELECT leased_until FROM ${processes} WHERE id = ?`),
    addSession: sql(`
      INSERT OR REPLACE INTO ${sessions} (group_name, key, session, process) VALUES (?, ?, ?, ?)`),
    removeSession: sql(`DELETE FROM ${sessions} WHERE group_name = ? AND key = ? AND session = ?`),
    hasSession: sql(`SELECT 1 FROM ${sessions} WHERE group_name = ? AND key = ? LIMIT 1`),
    find: sql(`SELECT since, data FROM ${members} WHERE group_name = ? AND key = ?`),
    put: sql(`
      INSERT INTO ${members} (group_name, key, data, since) VALUES (?, ?, ?, ?)
      ON CONFLICT (group_name, key) DO UPDATE SET data = excluded.data, leaves_at = NULL`),
    leave: sql(`UPDATE ${members} SET leaves_at = ? WHERE group_name = ? AND key = ?`),
    remove: sql(`DELETE FROM ${members} WHERE group_name = ? AND key = ?`),
    count: sql(`SELECT count(*) AS count FROM ${members} WHERE group_name = ?`),
    list: sql(`SELECT key, data, since FROM ${members} WHERE group_name = ? ORDER BY since, key`),
    isDue: sql(`
      SELECT EXISTS (SELECT 1 FROM ${members} WHERE leaves_at <= ?)
        OR EXISTS (SELECT 1 FROM ${processes} WHERE leased_until <= ?) AS due`),
    deadSessions: sql(`
      SELECT group_name, key, session FROM ${sessions}
      JOIN ${processes} ON id = process WHERE leased_until <= ? LIMIT ?`),
    removeDead: sql(`
      DELETE FROM ${processes} WHERE leased_until <= ?
        AND NOT EXISTS (SELECT 1 FROM ${sessions} WHERE process = id)`),
    leaving: sql(`
      SELECT group_name, key, data, since FROM ${members} WHERE leaves_at <= ? LIMIT ?`),
  };
}
