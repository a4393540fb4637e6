import { z } from "zod";

import { Message } from "./messages.ts";

export const MAX_TEXT = 2_000;

const room = z.string().min(1).max(50);

/** What a browser may say: join and leave rooms, and speak in them. All over one connection. */
export const clientMessages = {
  // `after` is the id of the last message that the browser has; it gets those that came since.
  join: z.object({ room, after: z.int().min(0).default(0) }),
  leave: z.object({ room }),
  say: z.object({ room, text: z.string().trim().min(1).max(MAX_TEXT) }),
};

/** What groups bring, and what a browser hears. */
export const chatEvents = {
  "session.ended": z.object({}),
  "chat.message": Message,
  "chat.people": z.object({
    room,
    people: z.array(z.string()),
    name: z.string(),
    change: z.enum(["arrived", "left"]),
    at: z.number(),
  }),
  "room.opened": z.object({
    room,
    people: z.array(z.string()),
    messages: z.array(Message),
    // False when so much was said meanwhile that older messages are left out.
    isComplete: z.boolean(),
  }),
  "room.refused": z.object({
    room,
    code: z.enum(["UNKNOWN_ROOM", "STAFF_ONLY", "NOT_IN_ROOM"]),
    message: z.string(),
  }),
};
