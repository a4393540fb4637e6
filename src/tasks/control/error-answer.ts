import { toError } from "../../core/errors.ts";
import { pythonRepr } from "../message/python-repr.ts";

/** An answer that says what went wrong. */
export interface ErrorAnswer {
  readonly error: string;
}

/** Returns an error as a worker of Celery answers it: `KeyError('nosuch')`. */
export function errorAnswer(type: string, message: string): ErrorAnswer {
  return { error: `${type}(${pythonRepr(message)})` };
}

/** The same, for what a command has thrown. */
export function toErrorAnswer(thrown: unknown): ErrorAnswer {
  const { name, message } = toError(thrown);
  return errorAnswer(name, message);
}
