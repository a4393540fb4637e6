import { hasTypedForm } from "./typed-values.ts";

/**
 * Returns the JSON text of a value, or throws what JSON cannot carry.
 *
 * Refused is what JSON would lose silently or cannot write: functions, symbols, bigint, NaN,
 * infinities, dates that are none, maps, sets, patterns, promises, errors without `toJSON`, `undefined` in a
 * list, cycles. A field that is `undefined` is left out, and
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
  assertCarried(value, name, { allowsTyped: false, hasTyped: false });
}

/**
 * Returns whether a value holds anything that JSON itself cannot carry, but typed values can.
 *
 * @throws {JsonRefusal} when typed values cannot carry it either.
 */
export function hasTypedValues(value: unknown, name: string): boolean {
  const scan = { allowsTyped: true, hasTyped: false };
  assertCarried(value, name, scan);
  return scan.hasTyped;
}

function assertCarried(value: unknown, name: string, scan: Scan): void {
  const found = findFlaw(value, [], scan);
  if (found) {
    throw new JsonRefusal(`expected a JSON value at ${name}${found.path}, got ${found.what}`);
  }
}

/** What a walk through a value allows, and what it has met. */
interface Scan {
  readonly allowsTyped: boolean;
  hasTyped: boolean;
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

/** JSON makes `{}` of them. */
const LOST = [Map, Set, RegExp, Promise, Error];

/** Deeper than this is a mistake, and would exhaust the stack of readers. */
const MAX_DEPTH = 200;

function findFlaw(value: unknown, parents: object[], scan: Scan): Flaw | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : typed(String(value), scan);
    case "object":
      return value === null ? undefined : findFlawInside(value, parents, scan);
    case "bigint":
      return typed("a value of type bigint", scan);
    case "function":
    case "symbol":
    case "undefined":
      return flaw(`a value of type ${typeof value}`);
  }
}

/** A flaw, unless typed values may carry it. */
function typed(what: string, scan: Scan): Flaw | undefined {
  scan.hasTyped = true;
  return scan.allowsTyped ? undefined : flaw(what);
}

function findFlawInside(value: object, parents: object[], scan: Scan): Flaw | undefined {
  if (parents.includes(value)) return flaw("a reference to its own parent");
  if (parents.length >= MAX_DEPTH) return flaw(`more than ${MAX_DEPTH} levels`);
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain && value instanceof Date && Number.isNaN(value.getTime())) {
    return flaw("an invalid Date");
  }
  if (!isPlain && scan.allowsTyped && hasTypedForm(value)) return typed("a typed value", scan);
  if ("toJSON" in value && typeof value.toJSON === "function") return undefined;
  const lost = isPlain ? undefined : LOST.find((each) => value instanceof each);
  if (lost) return flaw(`a value of class ${lost.name}`);
  if (scan.allowsTyped && "__type__" in value && "__value__" in value) {
    return flaw("an object with the keys of a typed value");
  }
  parents.push(value);
  const found = findFlawInFields(value, parents, scan);
  parents.pop();
  return found;
}

function findFlawInFields(value: object, parents: object[], scan: Scan): Flaw | undefined {
  // `entries` of an array also visits its holes, which JSON would turn into null.
  const fields = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [key, field] of fields) {
    if (field === undefined && typeof key === "string") continue;
    const found = findFlaw(field, parents, scan);
    if (!found) continue;
    const step = typeof key === "number" ? `[${key}]` : `.${key}`;
    return { ...found, path: step + found.path };
  }
  return undefined;
}

function flaw(what: string): Flaw {
  return { path: "", what };
}
