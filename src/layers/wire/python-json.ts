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
