/** "argsrepr, kwargsrepr: max 1024 chars (truncated with `...`)". */
const MAX_LENGTH = 1_024;
/** Deeper parts are left out. */
const MAX_DEPTH = 8;

/**
 * Returns arguments as Python shows them, for logs and monitors: `(2, 'two')`.
 *
 * Costs no more than what is shown, however much there is.
 */
export function tupleRepr(values: readonly unknown[]): string {
  const text = new ReprText();
  text.list("(", values, values.length === 1 ? ",)" : ")");
  return text.toString();
}

/** Returns a value as Python shows it: `{'a': None}`. */
export function pythonRepr(value: unknown): string {
  const text = new ReprText();
  text.value(value);
  return text.toString();
}

/** A text that is written until it is long enough. */
class ReprText {
  #text = "";
  #depth = 0;

  get #isFull(): boolean {
    return this.#text.length > MAX_LENGTH;
  }

  toString(): string {
    return this.#isFull ? `${this.#text.slice(0, MAX_LENGTH - 3)}...` : this.#text;
  }

  list(open: string, values: readonly unknown[], close: string): void {
    this.#text += open;
    this.#each(values, (value) => this.value(value));
    this.#text += close;
  }

  value(value: unknown): void {
    if (this.#depth > MAX_DEPTH) this.#text += "...";
    else if (Array.isArray(value)) this.list("[", value, "]");
    else if (typeof value === "object" && value !== null) this.#object(value);
    else this.#text += scalarRepr(value);
  }

  #object(value: object): void {
    if (value instanceof Uint8Array) this.#text += `<${value.length} bytes>`;
    else if ("toJSON" in value) this.value(JSON.parse(JSON.stringify(value)));
    else this.#dict(value);
  }

  #dict(value: object): void {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    this.#text += "{";
    this.#each(fields, ([key, field]) => {
      this.#text += `${textRepr(key)}: `;
      this.value(field);
    });
    this.#text += "}";
  }

  #each<T>(items: readonly T[], write: (item: T) => void): void {
    this.#depth++;
    for (const [index, item] of items.entries()) {
      if (this.#isFull) break;
      if (index > 0) this.#text += ", ";
      write(item);
    }
    this.#depth--;
  }
}

function scalarRepr(value: unknown): string {
  switch (typeof value) {
    case "string":
      return textRepr(value);
    case "boolean":
      return value ? "True" : "False";
    case "number":
      return numberRepr(value);
    case "bigint":
      return String(value);
    default:
      return "None";
  }
}

function numberRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return String(value).replace("Infinity", "inf");
}

/** In single quotes, unless that needs escapes which double quotes do not. */
function textRepr(text: string): string {
  const shown = text.slice(0, MAX_LENGTH);
  const quote = shown.includes("'") && !shown.includes('"') ? '"' : "'";
  const escaped = shown.replaceAll(/[\\'"\p{Cc}]/gu, (character) => {
    if (character === '"' || character === "'")
      return character === quote ? `\\${quote}` : character;
    return ESCAPES.get(character) ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `${quote}${escaped}${quote}`;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);
