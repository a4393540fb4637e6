/** Writes a time in the form that Python's `datetime.fromisoformat` reads in every version: no `Z`, six digits. */
export function toIsoTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, -1)}000+00:00`;
}

/** Reads a time, NaN for what is none. "Reader accepts `Z` and naive (= UTC)". */
export function parseIsoTime(text: string): number {
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
}
