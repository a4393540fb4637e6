import type { ErrorCode } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";

/** Why a request was refused, as its answer says in JSON: `{ "error": { "code", "message" } }`. */
export interface ErrorBody {
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/** How a code is written: the list of them would be a tenth of the client. */
const CODE = /^[A-Z]+(?:_[A-Z]+)+$/;

/** Whether a value from the wire is an error's body. A newer server may have codes that we do not know. */
export function isErrorBody(value: unknown): value is ErrorBody {
  const error = isRecord(value) && value["error"];
  if (!isRecord(error)) return false;
  const { code, message } = error;
  return typeof code === "string" && CODE.test(code) && typeof message === "string";
}
