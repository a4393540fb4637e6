import { TidingsError } from "../../core/errors.ts";

/** A list of more names than this helps nobody. */
const MAX_NAMES_SHOWN = 50;

/** The error of a name that no task has. */
export function notRegistered(name: string, known: ReadonlyMap<string, unknown>): TidingsError {
  if (name.startsWith("celery.")) {
    return new TidingsError(
      "TASK_NOT_REGISTERED",
      `${name} is a task of Celery's own that only Python workers run; send it to a queue of theirs`,
    );
  }
  const names = [...known.keys()].slice(0, MAX_NAMES_SHOWN).join(", ") || "none";
  return new TidingsError(
    "TASK_NOT_REGISTERED",
    `no task is named ${JSON.stringify(name)}; this worker knows ${names}`,
  );
}
