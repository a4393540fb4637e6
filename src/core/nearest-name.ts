/** More differences than this are no slip of the finger. */
const MAX_DISTANCE = 3;
/** Longer names are not compared: a caller may have sent them. */
const MAX_LENGTH = 255;

/** Returns the known name that is most like a wrong one; `undefined` when none is like it. */
export function nearestName(wrong: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  // Of a short name not all may differ.
  let best = Math.min(MAX_DISTANCE, Math.floor(wrong.length / 2)) + 1;
  if (wrong.length > MAX_LENGTH) return undefined;
  for (const name of known) {
    const distance = name.startsWith(wrong) ? 1 : distanceOf(wrong, name, best);
    if (distance >= best) continue;
    best = distance;
    nearest = name;
  }
  return nearest;
}

/** The question to put behind a wrong name; empty when no known name is like it. */
export function didYouMean(wrong: string, known: Iterable<string>): string {
  const nearest = nearestName(wrong, known);
  return nearest === undefined ? "" : ` (did you mean \`${nearest}\`?)`;
}

/** How many letters differ, are missing or are too many; `bound` when there are at least so many. */
function distanceOf(one: string, other: string, bound: number): number {
  if (Math.abs(one.length - other.length) >= bound) return bound;
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let line = 0; line < one.length; line++) {
    const next = [line + 1];
    for (let column = 1; column <= other.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (other[column - 1] === one[line] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return Math.min(row[other.length] ?? bound, bound);
}
