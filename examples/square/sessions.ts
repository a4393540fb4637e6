import { storedSessions, type Session, type Sessions } from "tidings";
import { z } from "zod";

import { dataFolder } from "./data-folder.ts";
import { sessionSecret } from "./session-secret.ts";
import { findUserById, type User } from "./users.ts";

const Data = z.object({ userId: z.number() });
type Data = z.infer<typeof Data>;

/** Who is signed in where. The cookie holds a session's signed id and nothing else. */
export const sessions: Sessions<Data> = storedSessions({
  store: process.env["SESSION_URL"] ?? `sqlite:${dataFolder}/sessions.db`,
  secret: sessionSecret,
  data: Data,
  // The square is at home on http, under whatever name.
  cookie: { name: "square_session", secure: false },
});

/** The user of a session. */
export function userOf({ userId }: Data): User | null {
  return findUserById(userId);
}

/** The group of a session's connections, to be told when it ends. */
export function sessionGroup({ key }: Session<Data>): string {
  return `session_${key}`;
}
