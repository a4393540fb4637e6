import { didYouMean } from "../core/nearest-name.ts";
import { CONTROL_ARGUMENTS } from "../tasks/index.ts";

/** How Python shows an error whose message is a text: `ValueError('…')`. */
const ERROR_REPR = /^[A-Z]\w*\((['"])(.*)\1\)$/s;

/** Says in words what went wrong with a command, for which workers answer with an error of Python's. */
export function explainAnswer(command: string, error: unknown): string {
  if (typeof error !== "string") return JSON.stringify(error);
  const [, , text] = ERROR_REPR.exec(error) ?? [];
  if (text === undefined) return error;
  if (!error.startsWith("KeyError(")) return text.replaceAll(/\\(['"\\])/g, "$1");
  // A key alone tells nothing, unless it is the command that was looked up.
  if (text !== command) return error;
  return `it does not know the command \`${command}\`${didYouMean(command, CONTROL_ARGUMENTS.keys())}`;
}
