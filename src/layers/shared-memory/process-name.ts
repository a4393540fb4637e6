import { randomBytes } from "node:crypto";

/** `memory-` and 12 hex digits, between the last dot and the `!` of a name. */
const LOCAL_NAME = /(?:^|\.)(memory-[\da-f]{12})!/;

/** Returns a name for this process, which no other has, nor had. */
export function newProcessName(): string {
  return `memory-${randomBytes(6).toString("hex")}`;
}

/** Which process reads this channel; nothing when any may. */
export function processOf(channel: string): string | undefined {
  return LOCAL_NAME.exec(channel)?.[1];
}
