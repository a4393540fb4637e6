/** What was written last: what a busy worker ends, it ends in the same millisecond as others. */
let lastTime = Number.NaN;
let lastText = "";

/** Writes a time in the form that Python's `datetime.fromisoformat` reads in every version: no `Z`, six digits. */
export function toIsoTime(time: number): string {
  if (time !== lastTime) {
    lastText = `${new Date(time).toISOString().slice(0, -1)}000+00:00`;
    lastTime = time;
  }
  return lastText;
}

/** Reads a time, NaN for what is none. "Reader accepts `Z` and naive (= UTC)". */
export function parseIsoTime(text: string): number {
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
}
