import { print } from "./print.ts";

/** Writes a value as one line of JSON; integers that JSON here cannot carry are texts. */
export async function printJson(value: unknown): Promise<void> {
  await print(`${toJson(value)}\n`);
}

function toJson(value: unknown): string {
  const replace = (_: string, field: unknown): unknown =>
    typeof field === "bigint" ? String(field) : field;
  return JSON.stringify(value, replace) ?? "null";
}
