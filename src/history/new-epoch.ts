import { randomBytes } from "node:crypto";

/** Makes an epoch: 8 URL-safe characters that nobody can guess. */
export function newEpoch(): string {
  return randomBytes(6).toString("base64url");
}
