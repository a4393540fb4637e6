import { TidingsError, type ErrorCode } from "../core/errors.ts";
import type { Closing } from "./status.ts";

/** A server's no: asking again would not change it. */
export class Refusal extends TidingsError {
  /** A close code; 4000 + the status when the server refused with an HTTP status. */
  readonly closeCode: number;

  constructor(closeCode: number, message: string, code: ErrorCode = toErrorCode(closeCode)) {
    super(code, message);
    this.closeCode = closeCode;
  }

  get closing(): Closing {
    return { code: this.closeCode, reason: this.message };
  }
}

/** "Unauthorized" in the IANA registry of close codes: the credentials have ended. */
export const UNAUTHORIZED = 3000;

/** Whether a close code says that coming back is of no use: policy (RFC 6455 §7.4.1), or ours. */
export function isRefusal(closeCode: number): boolean {
  return (
    closeCode === 1008 || closeCode === UNAUTHORIZED || (closeCode >= 4400 && closeCode <= 4499)
  );
}

function toErrorCode(closeCode: number): ErrorCode {
  switch (closeCode) {
    case UNAUTHORIZED:
    case 4401:
      return "REQUEST_UNAUTHENTICATED";
    case 4403:
      return "REQUEST_FORBIDDEN";
    case 4404:
      return "REQUEST_NOT_FOUND";
    default:
      return "REQUEST_REFUSED";
  }
}
