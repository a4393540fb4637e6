import { TidingsError } from "../../core/errors.ts";

/** A list of more names than this helps nobody. */
const MAX_NAMES_SHOWN = 50;

/** The error of a name that no task has. */
export function notRegistered(name: string, known: ReadonlyMap<string, unknown>): TidingsError {
  const names = [...known.keys()].slice(0, MAX_NAMES_SHOWN).join(", ") || "none";
  return new TidingsError(
    "TASK_NOT_REGISTERED",
    `no task is named ${JSON.stringify(name)}; this worker knows ${names}`,
  );
}
