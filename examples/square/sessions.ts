import { createHash, randomBytes } from "node:crypto";

import { sessionCookies } from "tidings";

import { database } from "./database.ts";
import { sessionSecret } from "./session-secret.ts";
import { findUserById, type User } from "./users.ts";

const SESSION_MS = 30 * 24 * 60 * 60 * 1000;

/** Signed, HttpOnly, SameSite=Lax: the cookie holds a session's id and nothing else. */
const cookies = sessionCookies({
  name: "square_session",
  secret: sessionSecret,
  maxAgeMs: SESSION_MS,
});

const insert = database.prepare("INSERT INTO sessions (id, user_id, expires_at) VALUES (?, ?, ?)");
const find = database.prepare("SELECT user_id FROM sessions WHERE id = ? AND expires_at > ?");
const remove = database.prepare("DELETE FROM sessions WHERE id = ? OR expires_at <= ?");

/** Returns who sends a request: the same for pages, feeds and the chat. */
export function findUser(request: Request): User | null {
  const id = cookies.read(request);
  const session = id === null ? undefined : find.get(id, Date.now());
  return session ? findUserById(Number(session["user_id"])) : null;
}

/** The group of a session's connections, to be told when it ends; `null` without a session. */
export function sessionGroup(request: Request): string | null {
  const id = cookies.read(request);
  // Who can list groups must not learn ids that open sessions.
  return id && `session_${createHash("sha256").update(id).digest("hex")}`;
}

/** Starts a session; returns the `Set-Cookie` value that goes with it. */
export function startSession(user: User): string {
  const id = randomBytes(24).toString("base64url");
  insert.run(id, user.id, Date.now() + SESSION_MS);
  return cookies.issue(id);
}

/** Ends the session of a request; returns the `Set-Cookie` value that clears it. */
export function endSession(request: Request): string {
  remove.run(cookies.read(request) ?? "", Date.now());
  return cookies.clear();
}
