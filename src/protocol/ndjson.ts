/** Writes a value as one line of NDJSON. JSON text has no line end of its own. */
export function formatNdjson(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
