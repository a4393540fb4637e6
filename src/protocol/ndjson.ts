/** Writes a value as one line of NDJSON. */
export function formatNdjson(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
