/** One measured comparison. */
export interface Figure {
  readonly name: string;
  readonly ours: number;
  readonly peer: number;
  /** The median of the rounds' ratios of ours to the peer's. */
  readonly ratio: number;
  /** What has to be reached: a ratio, or a value of ours where the name says so. None: for information. */
  readonly floor?: number | undefined;
  readonly isMet: boolean;
  /** What helps to judge the figure. */
  readonly note?: string | undefined;
}

/** The middle value; the mean of the two middle ones when there is an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}

/** Prints figures as lines of JSON, or as a table; exits with 1 when a floor is missed. */
export function report(figures: readonly Figure[], { json }: { readonly json: boolean }): void {
  for (const { name, ours, peer, ratio, floor, isMet, note } of figures) {
    if (json) {
      console.log(JSON.stringify({ name, ours, peer, ratio, floor, note }));
      continue;
    }
    console.log(`${isMet ? "ok  " : "MISS"} ${name}${note === undefined ? "" : ` (${note})`}`);
    const bound = floor === undefined ? "none" : format(floor);
    console.log(
      `     ours ${format(ours)}   peer ${format(peer)}   ratio ${ratio.toFixed(2)}   floor ${bound}`,
    );
  }
  if (!figures.every(({ isMet }) => isMet)) process.exitCode = 1;
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(2);
}
