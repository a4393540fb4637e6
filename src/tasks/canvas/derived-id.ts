import { createHash } from "node:crypto";

/**
 * Returns the id that belongs to a place in a workflow: the same at every try.
 *
 * So a task that runs again, because its worker died, sends what comes after it under the same ids.
 */
export function derivedId(place: string): string {
  const hex = createHash("sha256").update(place).digest("hex");
  // A UUID of version 8: "vendor-specific", of RFC 9562.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
