import { randomBytes } from "node:crypto";

/** Random bytes are drawn for this many ids at once: a draw costs more than the bytes. */
const IDS_PER_DRAW = 256;
const RANDOM_BYTES = 10;

let drawn = Buffer.alloc(0);
let used = 0;
/** The time of the last id, and how ids of that time begin. */
let lastTime = Number.NaN;
let beginning = "";

/**
 * Returns a new task id: a UUID of version 7.
 *
 * Celery takes any string. Ids that begin with the time keep the indexes of a store that holds
 * millions of them small and fast.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 */
export function newTaskId(now: number = Date.now()): string {
  if (used === drawn.length) {
    drawn = randomBytes(IDS_PER_DRAW * RANDOM_BYTES);
    used = 0;
  }
  if (now !== lastTime) {
    const time = now.toString(16).padStart(12, "0");
    beginning = `${time.slice(0, 8)}-${time.slice(8)}-7`;
    lastTime = now;
  }
  const random = drawn.toString("hex", used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  const variant = VARIANTS[Number.parseInt(random.charAt(3), 16) & 3];
  return `${beginning}${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

const VARIANTS = "89ab";
