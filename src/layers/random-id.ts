import { randomFillSync } from "node:crypto";

const ID_BYTES = 16;
/** Random bytes are made for many ids at once: asking for few costs as much as asking for all. */
const pool = Buffer.alloc(256 * ID_BYTES);
let used = pool.length;

/** 32 hexadecimal digits that nobody can guess. */
export function randomId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const start = used;
  used += ID_BYTES;
  return pool.toString("hex", start, used);
}
