import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { dataFolder } from "./data-folder.ts";

/** What session cookies are signed with: `SESSION_SECRET`, or one made at the first start. */
export const sessionSecret: string = process.env["SESSION_SECRET"] ?? ownSecret();

function ownSecret(): string {
  const path = join(dataFolder, "session-secret");
  try {
    // "wx" fails when the file exists: of two processes that start together, one makes the secret.
    writeFileSync(path, randomBytes(32).toString("base64url"), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return readFileSync(path, "utf8");
}
