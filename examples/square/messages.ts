import { z } from "zod";

import { database } from "./database.ts";
import type { User } from "./users.ts";

/** Something that somebody said in a room. */
export const Message = z.object({
  id: z.number(),
  room: z.string(),
  user: z.string(),
  text: z.string(),
  at: z.number(),
});
export type Message = Readonly<z.infer<typeof Message>>;

/** How many messages a room shows when it opens. */
export const HISTORY = 50;

const insert = database.prepare(
  "INSERT INTO messages (room, user_id, text, at) VALUES (?, ?, ?, ?) RETURNING id",
);

/** Keeps a message. */
export function addMessage(room: string, user: User, text: string): Message {
  const at = Date.now();
  const id = Number(insert.get(room, user.id, text, at)?.["id"]);
  return { id, room, user: user.name, text, at };
}

const newest = database.prepare(`
  SELECT messages.id, room, name AS user, text, at
  FROM messages JOIN users ON users.id = user_id
  WHERE room = ? AND messages.id > ? ORDER BY messages.id DESC LIMIT ?
`);

/** What was said in a room after a message, oldest first, and whether that is all of it. */
export function messagesAfter(
  room: string,
  after: number,
): { readonly messages: readonly Message[]; readonly isComplete: boolean } {
  const rows = z.array(Message).parse(newest.all(room, after, HISTORY + 1));
  return { messages: rows.slice(0, HISTORY).toReversed(), isComplete: rows.length <= HISTORY };
}
