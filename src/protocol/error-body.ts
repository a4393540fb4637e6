import type { ErrorCode } from "../core/errors.ts";

/** Why a request was refused, as its answer says in JSON: `{ "error": { "code", "message" } }`. */
export interface ErrorBody {
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/** How a code is written: the list of them would be a tenth of the client. */
const CODE = /^[A-Z]+(?:_[A-Z]+)+$/;

/** Whether a value from the wire is an error's body. A newer server may have codes that we do not know. */
export function isErrorBody(value: unknown): value is ErrorBody {
  if (typeof value !== "object" || value === null || !("error" in value)) return false;
  const { error } = value;
  if (typeof error !== "object" || error === null) return false;
  if (!("code" in error) || !("message" in error)) return false;
  return (
    typeof error.code === "string" && CODE.test(error.code) && typeof error.message === "string"
  );
}
