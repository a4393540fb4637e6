import { assertPositiveInteger, invalidOption } from "../core/options.ts";
import type { LayerOptions } from "./layer.ts";

/** How many unread messages each channel holds: the first pattern that fits its whole name, else `capacity`. */
export class Capacity {
  readonly #default: number;
  readonly #patterns: readonly (readonly [RegExp, number])[];

  constructor({
    capacity = 100,
    channelCapacity = [],
  }: Pick<LayerOptions, "capacity" | "channelCapacity"> = {}) {
    this.#default = assertPositiveInteger("capacity", capacity);
    this.#patterns = channelCapacity.map(([pattern, count]) => [
      toRegExp(pattern),
      assertPositiveInteger("channelCapacity", count),
    ]);
  }

  of(channel: string): number {
    for (const [pattern, count] of this.#patterns) {
      // A sticky pattern matches where the last match ended: here always at the start.
      pattern.lastIndex = 0;
      if (pattern.test(channel)) return count;
    }
    return this.#default;
  }
}

function toRegExp(pattern: string | RegExp): RegExp {
  if (typeof pattern === "string") return new RegExp(`${globSource(pattern)}$`, "ys");
  if (pattern instanceof RegExp) {
    return new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, "")}y`);
  }
  throw invalidOption(
    "channelCapacity",
    "pairs of a glob or regular expression and a count",
    pattern,
  );
}

/** The rules of Python's fnmatch: `*` anything, `?` one character, `[ab]` and `[!a-z]` one of a set. */
function globSource(glob: string): string {
  return glob.replace(/\[(!?)(\]?[^\]]*)\]|[^]/g, (part, negation: string, set: string) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    if (part.length === 1 || !set) return RegExp.escape(part);
    return `[${negation ? "^" : ""}${set.replace(/[\\\]^]/g, String.raw`\$&`)}]`;
  });
}
