/** Writes a value as one line of JSON; integers that JSON here cannot carry are texts. */
export function printJson(value: unknown): void {
  process.stdout.write(`${toJson(value)}\n`);
}

/** The JSON of a value. */
export function toJson(value: unknown): string {
  const replace = (_: string, field: unknown): unknown =>
    typeof field === "bigint" ? String(field) : field;
  return JSON.stringify(value, replace) ?? "null";
}
