import { isRecord } from "../../core/is-record.ts";
import { readPythonJson } from "../../core/read-python-json.ts";
import { hasTypedValues, JsonRefusal } from "./json-text.ts";
import { fromTypedValue, toTypedValue, type TypedValue } from "./typed-values.ts";

/** How typed JSON is written. */
export interface TypedJsonOptions {
  /** Without them, dates, decimals and UUIDs are text, as Celery before 5.3 writes them. @default true */
  readonly typedValues?: boolean | undefined;
}

/**
 * Writes JSON as Celery reads it: dates, bytes, decimals and UUIDs as typed values, `NaN` and `Infinity`
 * as words, `bigint` as an integer.
 *
 * Compact and in UTF-8, where Python writes spaces and escapes: its reader takes either.
 *
 * @throws {JsonRefusal} with the path of the value that cannot be carried; `name` is what errors call it.
 */
export function writeTypedJson(
  value: unknown,
  name: string,
  { typedValues = true }: TypedJsonOptions = {},
): string {
  if (!hasTypedValues(value, name)) return JSON.stringify(value);
  return write(value, typedValues ? toTypedValue : (typed) => refuseBytes(typed, name));
}

/**
 * Reads JSON that Python wrote, typed values included.
 *
 * Typed values of a kind that we do not know stay as they are. `String` and JSON of a decimal, UUID, date
 * or time give its text. A datetime becomes a `Date`: microseconds are cut off.
 *
 * @throws {SyntaxError} when it is not such JSON.
 */
export function readTypedJson(text: string): unknown {
  const value = readPythonJson(text);
  return text.includes('"__type__"') ? revive(value) : value;
}

/** What is no typed value is written as its `toJSON` says; bytes have none. */
function refuseBytes(value: object, name: string): undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  throw new JsonRefusal(`expected no bytes in ${name}, which need \`typedValues\``);
}

/** Writes what has been checked. */
function write(value: unknown, toTyped: (value: object) => TypedValue | undefined): string {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => write(item, toTyped)).join(",")}]`;
  const typed = toTyped(value);
  if (typed) return JSON.stringify(typed);
  if ("toJSON" in value && typeof value.toJSON === "function") return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const texts = fields.map(([key, field]) => `${JSON.stringify(key)}:${write(field, toTyped)}`);
  return `{${texts.join(",")}}`;
}

function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (!isRecord(value)) return value;
  const { __type__, __value__ } = value;
  const typed = typeof __type__ === "string" ? fromTypedValue({ __type__, __value__ }) : undefined;
  // Not an object literal: a key may be `__proto__`.
  return (
    typed ?? Object.fromEntries(Object.entries(value).map(([key, field]) => [key, revive(field)]))
  );
}
