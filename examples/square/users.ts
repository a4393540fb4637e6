import { randomBytes, scrypt, scryptSync, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

import { z } from "zod";

import { database } from "./database.ts";

const User = z.object({ id: z.number(), name: z.string(), staff: z.coerce.boolean() });

/** Somebody with an account. */
export type User = Readonly<z.infer<typeof User>>;

// From here on `connection.user` and `request.user` have this type everywhere.
declare module "tidings" {
  interface Register {
    user: User;
  }
}

/** The accounts that a new square starts with. Everybody may know their password. */
export const DEMO_ACCOUNTS = [
  { name: "ada", staff: false },
  { name: "grace", staff: false },
  { name: "alan", staff: true },
] as const;
export const DEMO_PASSWORD = "square";

const hash = promisify<string, Buffer, number, Buffer>(scrypt);
const KEY_BYTES = 32;

const byName = database.prepare("SELECT id, name, staff, password FROM users WHERE name = ?");

/** Returns whose name and password these are, or `null`. */
export async function checkPassword(name: string, password: string): Promise<User | null> {
  const row = byName.get(name);
  // An unknown name costs as much time as a known one, so that nobody can try out names.
  const [salt = "", key = ""] = String(row?.["password"] ?? "unknown:").split(":");
  const expected = Buffer.from(key, "hex");
  const given = await hash(password, Buffer.from(salt, "hex"), KEY_BYTES);
  if (!row || expected.length !== given.length || !timingSafeEqual(expected, given)) return null;
  return User.parse(row);
}

const byId = database.prepare("SELECT id, name, staff FROM users WHERE id = ?");

/** Returns the user with this id, or `null`. */
export function findUserById(id: number): User | null {
  const row = byId.get(id);
  return row ? User.parse(row) : null;
}

const insert = database.prepare(
  "INSERT OR IGNORE INTO users (name, password, staff) VALUES (?, ?, ?)",
);

for (const { name, staff } of DEMO_ACCOUNTS) {
  if (byName.get(name)) continue;
  const salt = randomBytes(16);
  const key = scryptSync(DEMO_PASSWORD, salt, KEY_BYTES);
  insert.run(name, `${salt.toString("hex")}:${key.toString("hex")}`, staff ? 1 : 0);
}
