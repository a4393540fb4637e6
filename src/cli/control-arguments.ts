import { TidingsError } from "../core/errors.ts";
import { didYouMean } from "../core/nearest-name.ts";
import { CONTROL_ARGUMENTS } from "../tasks/index.ts";

/**
 * Reads the arguments of a command to workers: `name=value`, where a value is JSON, or else text.
 *
 * @throws {TidingsError} OPTION_INVALID for an argument that a command of Celery's does not have. What others
 *   have, which workers in Python may have added, only those know.
 */
export function toControlArguments(
  command: string,
  words: readonly string[],
): Readonly<Record<string, unknown>> {
  const args = words.map(toArgument);
  const known = CONTROL_ARGUMENTS.get(command);
  for (const [name] of known ? args : []) assertKnown(command, name, known);
  return Object.fromEntries(args);
}

function assertKnown(command: string, name: string, known: readonly string[] = []): void {
  if (known.includes(name) || known.includes("*")) return;
  const hint = didYouMean(name, known) || `; it has ${known.join(", ") || "none"}`;
  throw new TidingsError(
    "OPTION_INVALID",
    `\`${command}\` has no argument ${JSON.stringify(name)}${hint}`,
  );
}

function toArgument(word: string): readonly [name: string, value: unknown] {
  const [, name, text = ""] = /^([a-z_]\w*)=(.*)$/is.exec(word) ?? [];
  if (name === undefined) {
    throw new TidingsError("OPTION_INVALID", `expected an argument as name=value, got ${word}`);
  }
  return [name, toValue(text)];
}

function toValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON is text.
    return text;
  }
}
