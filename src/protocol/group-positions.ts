import { invalidOption } from "../core/options.ts";
import { parseConnectionCursor, positionsOf } from "./connection-cursor.ts";
import type { Position } from "./cursor.ts";

/** How many groups with history a connection can follow, so that its cursor stays short. */
export const MAX_FOLLOWED_GROUPS = 32;

/** A group's key is 6 characters, an epoch 8, an offset a number to the base 36. */
const POSITION = /^([\w-]{6})([\w-]{8})(0|[1-9a-z][0-9a-z]{0,9})$/;

/**
 * Writes where a connection is in the histories of its groups; `[key, position]` for each.
 *
 * @throws {TidingsError} OPTION_INVALID when it is none that {@link parseGroupPositions} reads.
 */
export function formatGroupPositions(
  positions: Iterable<readonly [key: string, position: Position]>,
): string {
  const texts = [...positions].map(
    ([key, { epoch, offset }]) => `${key}${epoch}${offset.toString(36)}`,
  );
  const wrong = texts.find((text) => !POSITION.test(text));
  if (wrong === undefined && texts.length > 0 && texts.length <= MAX_FOLLOWED_GROUPS) {
    return texts.join(".");
  }
  throw invalidOption("positions", `1 to ${MAX_FOLLOWED_GROUPS} positions of groups`, wrong ?? "");
}

/** Whether a cursor of a consumer's connection can be read: an empty one says that there is nothing behind. */
export function isConsumerCursor(cursor: string): boolean {
  if (cursor === "" || parseConnectionCursor(cursor)) return true;
  return parseGroupPositions(cursor) !== undefined;
}

/** Reads the positions in any cursor of a consumer's connection; `undefined` without any. */
export function parseGroupPositions(cursor: string): ReadonlyMap<string, Position> | undefined {
  const texts = (positionsOf(cursor) ?? "").split(".", MAX_FOLLOWED_GROUPS + 1);
  if (texts.length > MAX_FOLLOWED_GROUPS) return undefined;
  const positions = new Map<string, Position>();
  for (const text of texts) {
    const [, key, epoch, offset] = POSITION.exec(text) ?? [];
    if (key === undefined || epoch === undefined || offset === undefined) return undefined;
    const number = Number.parseInt(offset, 36);
    if (!Number.isSafeInteger(number)) return undefined;
    positions.set(key, { epoch, offset: number });
  }
  return positions;
}
