import { createRequire } from "node:module";

import type * as Yaml from "yaml";

/**
 * Writes YAML that PyYAML's safe loader reads: JSON, with tags for dates and bytes.
 *
 * All text is quoted and escaped, so that none is taken for a number, a date or a `yes`. Values must have
 * been checked.
 */
export function writeYaml(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return writeNumber(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Uint8Array) return `!!binary "${Buffer.from(value).toString("base64")}"`;
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "null" : `!!timestamp "${value.toISOString()}"`;
  }
  if ("toJSON" in value && typeof value.toJSON === "function") return writeYaml(value.toJSON());
  if (Array.isArray(value)) return `[${value.map(writeYaml).join(", ")}]`;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([key, field]) => `? ${quote(key)} : ${writeYaml(field)}`).join(", ")}}`;
}

/**
 * Reads YAML as PyYAML's safe dumper writes it: version 1.1, integers as `bigint`, dates as `Date`.
 *
 * Tags beyond that, such as those that make Python's objects, are refused; so is what aliases blow up.
 *
 * @throws {Error} when it is not such YAML.
 */
export function readYaml(text: string): unknown {
  const { parseDocument }: typeof Yaml = load("yaml");
  const document = parseDocument(text, { version: "1.1", intAsBigInt: true, prettyErrors: false });
  // An unknown tag is a warning.
  const [flaw] = [...document.errors, ...document.warnings];
  if (flaw) throw flaw;
  return document.toJS({ maxAliasCount: MAX_ALIASES });
}

const MAX_ALIASES = 100;

/** Loads a package when it is needed: the 70 files of this one are a tenth of a start, and few read YAML. */
const load = createRequire(import.meta.url);

/** "A float has a point": without it, `1e+21` is text. */
function writeNumber(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  return String(value).replace(/^(-?\d+)e/, "$1.0e");
}

function quote(text: string): string {
  return JSON.stringify(text).replaceAll(/[^ -~]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xff_ff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
  });
}

function hex(code: number, length: number): string {
  return code.toString(16).padStart(length, "0");
}
