/**
 * Returns the JSON text of a value, or throws what JSON cannot carry.
 *
 * Refused is what JSON would lose silently or cannot write: functions, symbols, bigint, NaN,
 * infinities, maps, sets, `undefined` in a list, cycles. A field that is `undefined` is left out, and
 * what has `toJSON` (dates) becomes what that returns.
 *
 * @throws {JsonRefusal} with the path of the value that cannot be carried.
 */
export function toJsonText(value: unknown, name = "value"): string {
  assertJson(value, name);
  return JSON.stringify(value);
}

/** Throws a {@link JsonRefusal} when JSON cannot carry a value; `name` is what errors call it. */
export function assertJson(value: unknown, name: string): void {
  const found = findFlaw(value, []);
  if (found) {
    throw new JsonRefusal(`expected a JSON value at ${name}${found.path}, got ${found.what}`);
  }
}

/** Why a value is no JSON: where it is, and what it is. Never the value itself. */
export class JsonRefusal extends Error {
  static {
    this.prototype.name = "JsonRefusal";
  }
}

/** The path is put together on the way out, so that good values cost nothing for it. */
interface Flaw {
  readonly path: string;
  readonly what: string;
}

/** Deeper than this is a mistake, and would exhaust the stack of readers. */
const MAX_DEPTH = 200;

function findFlaw(value: unknown, parents: readonly object[]): Flaw | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : flaw(String(value));
    case "object":
      return value === null ? undefined : findFlawInside(value, parents);
    case "bigint":
    case "function":
    case "symbol":
    case "undefined":
      return flaw(`a value of type ${typeof value}`);
  }
}

function findFlawInside(value: object, parents: readonly object[]): Flaw | undefined {
  if (parents.includes(value)) return flaw("a reference to its own parent");
  if (parents.length >= MAX_DEPTH) return flaw(`more than ${MAX_DEPTH} levels`);
  if ("toJSON" in value && typeof value.toJSON === "function") return undefined;
  if (value instanceof Map || value instanceof Set) return flaw("a Map or Set");
  const line = [...parents, value];
  // `entries` of an array also visits its holes, which JSON would turn into null.
  const fields = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [key, field] of fields) {
    if (field === undefined && typeof key === "string") continue;
    const found = findFlaw(field, line);
    if (!found) continue;
    const step = typeof key === "number" ? `[${key}]` : `.${key}`;
    return { ...found, path: step + found.path };
  }
  return undefined;
}

function flaw(what: string): Flaw {
  return { path: "", what };
}
