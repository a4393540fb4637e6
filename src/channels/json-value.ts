/**
 * Turns what a layer can carry and JSON cannot into what it can.
 *
 * Integers beyond 2^53 become strings of digits, bytes become base64. Numbers that JSON does not know
 * (NaN, Infinity) become `null`, and `toJSON` is heeded, as `JSON.stringify` does. The result shares
 * nothing that could be changed with what was given.
 */
export function toJsonValue(value: unknown): unknown {
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  }
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if ("toJSON" in value && typeof value.toJSON === "function") return toJsonValue(value.toJSON());
  if (Array.isArray(value)) return value.map(toJsonValue);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJsonValue(item)]));
}
