import type { LastingStatement } from "../../sqlite/index.ts";
import type { TaskDatabase } from "../database/task-database.ts";
import { readTypedJson, writeTypedJson } from "../message/typed-json.ts";
import type { TaskChild } from "../results/task-record.ts";
import { byIndex, type ChordPart, type ChordStore } from "./chord-store.ts";

type StatementName =
  | "setSize"
  | "addPart"
  | "find"
  | "finish"
  | "parts"
  | "forget"
  | "forgetParts"
  | "saveGroup"
  | "loadGroup"
  | "expireChords"
  | "expireParts"
  | "expireGroups";

/**
 * Chords in an SQLite file.
 *
 * Each part and the question whether it was the last one are one transaction. Bound: the disk; what is as
 * old as expired records is removed with them.
 */
export class SqliteChords implements ChordStore {
  readonly #database: TaskDatabase;
  readonly #ask: Readonly<Record<StatementName, LastingStatement>>;

  constructor(database: TaskDatabase) {
    this.#database = database;
    this.#ask = prepareStatements(database);
  }

  async setSize(groupId: string, size: number): Promise<void> {
    await this.#database.run(() => this.#ask.setSize.run(groupId, size, Date.now()));
  }

  addPart(groupId: string, part: ChordPart): Promise<readonly ChordPart[] | null> {
    const text = writeTypedJson(part, "the part of a chord");
    return this.#database.run(() => {
      this.#ask.addPart.run(groupId, part.id, text, Date.now());
      const found = this.#ask.find.get(groupId, groupId);
      if (!found || Number(found["parts"]) < Number(found["size"])) return null;
      this.#ask.finish.run(part.id, groupId);
      if ((found["finisher"] ?? part.id) !== part.id) return null;
      return this.#ask.parts
        .all(groupId)
        .map((row) => readPart(String(row["part"])))
        .toSorted(byIndex);
    });
  }

  async forget(groupId: string): Promise<void> {
    await this.#database.run(() => {
      this.#ask.forget.run(groupId);
      this.#ask.forgetParts.run(groupId);
    });
  }

  async saveGroup(group: TaskChild): Promise<void> {
    await this.#database.run(() =>
      this.#ask.saveGroup.run(group.id, JSON.stringify(group), Date.now()),
    );
  }

  async loadGroup(groupId: string): Promise<TaskChild | null> {
    const row = this.#database.read(() => this.#ask.loadGroup.get(groupId));
    const group: TaskChild | null = row ? JSON.parse(String(row["members"])) : null;
    return group;
  }

  /** Removes what is older than a time, at most so many of each kind, inside a transaction. */
  expire(before: number, limit: number): void {
    this.#ask.expireChords.run(before, limit);
    this.#ask.expireParts.run(before, limit);
    this.#ask.expireGroups.run(before, limit);
  }
}

/** We wrote it. */
function readPart(text: string): ChordPart {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nobody else writes into this table
  return readTypedJson(text) as ChordPart;
}

function prepareStatements(
  database: TaskDatabase,
): Readonly<Record<StatementName, LastingStatement>> {
  return {
    setSize: database.prepare(`
      INSERT INTO tidings_chords (group_id, size, at) VALUES (?, ?, ?)
      ON CONFLICT (group_id) DO UPDATE SET size = excluded.size`),
    addPart: database.prepare(`
      INSERT INTO tidings_chord_parts (group_id, task_id, part, at) VALUES (?, ?, ?, ?)
      ON CONFLICT (group_id, task_id) DO NOTHING`),
    find: database.prepare(`
      SELECT size, finisher,
        (SELECT count(*) FROM tidings_chord_parts WHERE group_id = ?) AS parts
      FROM tidings_chords WHERE group_id = ?`),
    finish: database.prepare(`
      UPDATE tidings_chords SET finisher = ? WHERE group_id = ? AND finisher IS NULL`),
    parts: database.prepare(`
      SELECT part FROM tidings_chord_parts WHERE group_id = ? ORDER BY rowid`),
    forget: database.prepare("DELETE FROM tidings_chords WHERE group_id = ?"),
    forgetParts: database.prepare("DELETE FROM tidings_chord_parts WHERE group_id = ?"),
    saveGroup: database.prepare(`
      INSERT OR REPLACE INTO tidings_groups (group_id, members, at) VALUES (?, ?, ?)`),
    loadGroup: database.prepare("SELECT members FROM tidings_groups WHERE group_id = ?"),
    expireChords: database.prepare(expireFrom("tidings_chords")),
    expireParts: database.prepare(expireFrom("tidings_chord_parts")),
    expireGroups: database.prepare(expireFrom("tidings_groups")),
  };
}

function expireFrom(table: string): string {
  return `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE at < ? LIMIT ?)`;
}
