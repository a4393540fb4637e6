/**
 * Reads what Python's `json.dumps` writes: `NaN` and `Infinity` included, integers beyond 2^53 as `bigint`.
 *
 * @throws {SyntaxError} when it is not such JSON.
 */
export function readPythonJson(text: string): unknown {
  // No integer that JSON.parse would get wrong, and no word that it does not know: nearly every message.
  if (!LONG_INTEGER.test(text)) {
    try {
      return JSON.parse(text);
    } catch (error) {
      if (!/NaN|Infinity/.test(text)) throw error;
    }
  }
  return JSON.parse(toStandardJson(text), reviveNumber);
}

/** Written out, since V8 then looks at every sixteenth character only. */
const LONG_INTEGER = /\d\d\d\d\d\d\d\d\d\d\d\d\d\d\d\d/;

/** `JSON.parse` reads it as 0, and nobody else writes it. */
const NOT_A_NUMBER = "-0.000e0";

const STANDARD_FORMS: ReadonlyMap<string, string> = new Map([
  ["NaN", NOT_A_NUMBER],
  ["Infinity", "1e999"],
  ["-Infinity", "-1e999"],
]);

/** Replaces the words between texts. One expression for both would run out of stack in a long text. */
function toStandardJson(text: string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length;) {
    const quote = text.indexOf('"', at);
    const textStart = quote === -1 ? text.length : quote;
    const between = text.slice(at, textStart);
    parts.push(between.replaceAll(/-?Infinity|NaN/g, (word) => STANDARD_FORMS.get(word) ?? word));
    at = endOfText(text, textStart);
    parts.push(text.slice(textStart, at));
  }
  return parts.join("");
}

/** Returns where the text that begins at a quote ends. */
function endOfText(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at + 1;
  }
  return json.length;
}

const BACKSLASH = 0x5c;
const QUOTE = 0x22;

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
