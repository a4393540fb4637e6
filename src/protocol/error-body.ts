import { ERROR_CODES, type ErrorCode } from "../core/errors.ts";

/** Why a request was refused, as its answer says in JSON: `{ "error": { "code", "message" } }`. */
export interface ErrorBody {
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/** Whether a value from the wire is an error's body, with a code that we know. */
export function isErrorBody(value: unknown): value is ErrorBody {
  if (typeof value !== "object" || value === null || !("error" in value)) return false;
  const { error } = value;
  if (typeof error !== "object" || error === null) return false;
  if (!("code" in error) || !("message" in error)) return false;
  return ERROR_CODES.some((code) => code === error.code) && typeof error.message === "string";
}
