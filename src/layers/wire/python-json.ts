import { TidingsError } from "../../core/errors.ts";
import type { LayerValue } from "../layer.ts";

/**
 * Writes JSON as Python's `json.dumps` does by default.
 *
 * ", " and ": " between the parts, every character beyond ASCII escaped, `NaN` and `Infinity` as words.
 * A number that is a safe integer is written as one, every other as a Python `float`.
 *
 * @throws {TidingsError} LAYER_INVALID_MESSAGE for bytes, which JSON cannot carry.
 */
export function writePythonJson(value: LayerValue): string {
  switch (typeof value) {
    case "string":
      return writeText(value);
    case "number":
      return Number.isSafeInteger(value) ? String(value) : writeFloat(value);
    case "bigint":
    case "boolean":
      return String(value);
    default:
      return value === null ? "null" : writeObject(value);
  }
}

/**
 * Reads what `json.dumps` writes, `NaN` and `Infinity` included; integers beyond 2^53 as `bigint`.
 *
 * @throws {SyntaxError} when it is not such JSON.
 */
export function readPythonJson(text: string): unknown {
  // Neither a word nor an integer that JSON.parse would get wrong: nearly every message.
  if (!/NaN|Infinity|\d{16}/.test(text)) return JSON.parse(text);
  const standard = text.replaceAll(
    WORD_OUTSIDE_TEXT,
    (token) => STANDARD_FORMS.get(token) ?? token,
  );
  return JSON.parse(standard, reviveNumber);
}

/** `JSON.parse` reads it as 0, and nobody else writes it. */
const NOT_A_NUMBER = "-0.000e0";

const STANDARD_FORMS: ReadonlyMap<string, string> = new Map([
  ["NaN", NOT_A_NUMBER],
  ["Infinity", "1e999"],
  ["-Infinity", "-1e999"],
]);

const WORD_OUTSIDE_TEXT = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;

/** Sees the digits of each number, which the value no longer has. */
function reviveNumber(...[, value, context]: readonly unknown[]): unknown {
  if (typeof value !== "number" || !hasSource(context)) return value;
  if (context.source === NOT_A_NUMBER) return NaN;
  return !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source)
    ? BigInt(context.source)
    : value;
}

function hasSource(context: unknown): context is { readonly source: string } {
  return (
    typeof context === "object" &&
    context !== null &&
    "source" in context &&
    typeof context.source === "string"
  );
}

function writeObject(value: object): string {
  if (value instanceof Uint8Array) {
    throw new TidingsError(
      "LAYER_INVALID_MESSAGE",
      "a message in the format json cannot hold bytes: send text, or use the format msgpack",
    );
  }
  if (Array.isArray(value)) {
    const items: readonly LayerValue[] = value;
    return `[${items.map(writePythonJson).join(", ")}]`;
  }
  const fields: readonly (readonly [string, LayerValue])[] = Object.entries(value);
  return `{${fields.map(([key, item]) => `${writeText(key)}: ${writePythonJson(item)}`).join(", ")}}`;
}

function writeText(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** As Python's `repr` of a float: the shortest digits, an exponent below 1e-4 and from 1e16 on. */
function writeFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const [digits = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 16) {
    const plain = value.toString();
    return plain.includes(".") ? plain : `${plain}.0`;
  }
  return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
