import { writeTypedJson } from "./typed-json.ts";

/**
 * Writes JSON byte for byte as Python's `json.dumps` does: spaces after `,` and `:`, escapes beyond ASCII.
 *
 * For texts that are compared, where those that are read may be compact.
 *
 * @throws {JsonRefusal} with the path of the value that cannot be carried; `name` is what errors call it.
 */
export function writePythonJson(value: unknown, name: string): string {
  const json = writeTypedJson(value, name);
  const parts: string[] = [];
  for (let at = 0; at < json.length;) {
    const quote = json.indexOf('"', at);
    const textStart = quote === -1 ? json.length : quote;
    parts.push(toPythonTokens(json.slice(at, textStart)));
    at = endOfText(json, textStart);
    parts.push(json.slice(textStart, at).replaceAll(/[^ -~]/g, escapeUnit));
  }
  return parts.join("");
}

/** What stands between texts. `repr` of a float has an exponent beyond 16 digits, of two digits at least. */
function toPythonTokens(json: string): string {
  return json
    .replaceAll(/[,:]/g, "$& ")
    .replaceAll(/-?\d+(?:\.\d+)?(?:e[+-]\d+)?/g, toPythonNumber);
}

function toPythonNumber(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2").replace(/^-?0\.0000\d+$/, toSmall);
}

/** JavaScript writes 0.00001 where Python writes 1e-05. */
function toSmall(number: string): string {
  return Number(number)
    .toExponential()
    .replace(/e-(\d)$/, "e-0$1");
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Returns where the text that begins at a quote ends. */
function endOfText(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === "\\") at++;
    else if (json[at] === '"') return at + 1;
  }
  return json.length;
}
