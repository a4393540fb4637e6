import { z } from "zod";

import { database } from "./database.ts";
import type { User } from "./users.ts";

export const MAX_NOTE = 500;

/** A note on the board. */
export const Topic = z.object({
  id: z.number(),
  authorId: z.number(),
  author: z.string(),
  text: z.string(),
  savedAt: z.number(),
});
export type Topic = Readonly<z.infer<typeof Topic>>;

const COLUMNS = "topics.id, author_id AS authorId, name AS author, text, saved_at AS savedAt";
const all = database.prepare(
  `SELECT ${COLUMNS} FROM topics JOIN users ON users.id = author_id ORDER BY topics.id DESC LIMIT 100`,
);
const one = database.prepare(
  `SELECT ${COLUMNS} FROM topics JOIN users ON users.id = author_id WHERE topics.id = ?`,
);
const insert = database.prepare(
  "INSERT INTO topics (author_id, text, saved_at) VALUES (?, ?, ?) RETURNING id",
);
const update = database.prepare(
  "UPDATE topics SET text = ?, saved_at = ? WHERE id = ? AND saved_at = ?",
);
const remove = database.prepare("DELETE FROM topics WHERE id = ?");

let queries = 0;

/** How often the board was read from the database, to show that the cache works. */
export function queryCount(): number {
  return queries;
}

/** Reads the newest hundred notes, newest first. */
export function listTopics(): readonly Topic[] {
  queries += 1;
  return z.array(Topic).parse(all.all());
}

export function findTopic(id: number): Topic | null {
  const row = one.get(id);
  return row ? Topic.parse(row) : null;
}

export function addTopic(author: User, text: string): Topic {
  const savedAt = Date.now();
  const id = Number(insert.get(author.id, text, savedAt)?.["id"]);
  return { id, authorId: author.id, author: author.name, text, savedAt };
}

/**
 * Changes the note that somebody has read, and is given back as it is now.
 *
 * Returns `null`, and changes nothing, when it was changed or deleted since it was read.
 */
export function changeTopic(read: Topic, text: string): Topic | null {
  // Never the same time twice: it is what tells two versions of a note apart.
  const savedAt = Math.max(Date.now(), read.savedAt + 1);
  const { changes } = update.run(text, savedAt, read.id, read.savedAt);
  return changes === 0 ? null : { ...read, text, savedAt };
}

export function deleteTopic(topic: Topic): void {
  remove.run(topic.id);
}

/** Whether somebody may change or delete a note: its author may, and staff. */
export function mayChange(topic: Topic, user: User | null): boolean {
  return user !== null && (user.staff || user.id === topic.authorId);
}
