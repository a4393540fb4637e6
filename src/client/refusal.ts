import { TidingsError, toError, type ErrorCode } from "../core/errors.ts";
import { isFinalClose } from "../protocol/index.ts";
import { Interruption } from "./interruption.ts";
import type { Closing } from "./status.ts";

/** A server's no: asking again would not change it. */
export class Refusal extends TidingsError {
  /** A close code; 4000 + the status when the server refused with an HTTP status. */
  readonly closeCode: number;

  constructor(closeCode: number, message: string, code: ErrorCode = toErrorCode(closeCode)) {
    super(code, message);
    this.closeCode = closeCode;
  }
}

const NORMAL = 1000;
/** "Unauthorized" in the IANA registry of close codes: the credentials have ended. */
const UNAUTHORIZED = 3000;

/**
 * Tells a normal end, which is returned, from a refusal and a break, which are thrown.
 *
 * @throws {Refusal} when coming back is of no use; who has another token each time may, when it ended.
 * @throws {Interruption} when it is.
 */
export function judgeClose({ code, reason }: ClosingCode, hasTokens: boolean): Closing {
  if (code === NORMAL) return { code, reason };
  if (code === UNAUTHORIZED && hasTokens) throw new Interruption(reason, { code });
  if (isFinalClose(code)) throw new Refusal(code, reason || `refused with the close code ${code}`);
  throw new Interruption(reason || `closed with ${code}`, { code });
}

/** How a connection was closed. */
interface ClosingCode {
  readonly code: number;
  readonly reason: string;
}

/** What anything that ended an attempt says of it: its close code, if there is one, and the reason. */
export function closingOf(thrown: unknown): Closing {
  const code =
    thrown instanceof Refusal ? thrown.closeCode : Interruption.from(thrown).details.code;
  return { code, reason: toError(thrown).message };
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
