/** A command names no more ids. */
const MAX_IDS = 10_000;

/** Reads one id, or a list of them. */
export function readIds(name: string, value: unknown): readonly string[] {
  const ids: readonly unknown[] = [value].flat();
  const texts = ids.filter((id): id is string => typeof id === "string" && id !== "");
  if (texts.length > 0 && texts.length === ids.length && ids.length <= MAX_IDS) return texts;
  throw new TypeError(`expected \`${name}\` to be an id, or a list of at most ${MAX_IDS}`);
}

/** Reads a text that is not empty. */
export function readText(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new TypeError(
    `expected \`${name}\` to be text, got ${value === undefined ? "nothing" : typeof value}`,
  );
}

/** Reads how many; `undefined` when nothing is said. */
export function readCount(name: string, value: unknown, max: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= max) return Number(value);
  throw new TypeError(`expected \`${name}\` to be a whole number from 1 to ${max}`);
}

/** Reads seconds, as milliseconds; `undefined` when there are none. */
export function readSeconds(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null || value === 0) return undefined;
  if (typeof value === "number" && value > 0 && value < MAX_SECONDS) {
    return Math.max(1, Math.round(value * 1_000));
  }
  throw new TypeError(`expected \`${name}\` to be a number of seconds above 0`);
}

/** A hundred years. */
const MAX_SECONDS = 3_155_760_000;
