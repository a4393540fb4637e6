/** Milliseconds that half, and all but one in a hundred, of some calls took at most. */
export interface Times {
  readonly p50: number;
  readonly p99: number;
}

/** Reads what a contender answers to "round-trips". */
export function toTimes(answer: unknown): Times {
  if (!Array.isArray(answer)) throw new Error("expected the time of each round trip");
  const times = answer.map(Number).toSorted((left, right) => left - right);
  return { p50: at(times, 0.5), p99: at(times, 0.99) };
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}
