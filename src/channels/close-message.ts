import { invalidOption } from "../core/options.ts";
import type { LayerMessage, OutgoingMessage } from "../layers/index.ts";

/** What a connection is told that somebody else closes. */
export interface Closing {
  /** 1000, 1008, or 3000 to 4999. @default 1000; 3000 (unauthorized) for all of a user's */
  readonly code?: number | undefined;
  readonly reason?: string | undefined;
}

/** A {@link Closing} with everything said. */
interface CloseFrame {
  readonly code: number;
  readonly reason: string;
}

/** The group of all servers: each closes those of a user's connections that it holds. */
export const SERVERS_GROUP = "tidings.servers";
/** "Unauthorized" in the IANA registry of close codes. */
export const UNAUTHORIZED = 3000;

const CLOSE_TYPE = "tidings.close";
const CLOSE_USER_TYPE = "tidings.close_user";

/**
 * The message that closes the connection to whose channel it is sent.
 *
 * @throws {TidingsError} OPTION_INVALID for a code that may not be sent.
 */
export function toCloseMessage({ code = 1000, reason = "" }: Closing): OutgoingMessage {
  return { type: CLOSE_TYPE, code: assertSendable(code), reason };
}

/**
 * The message that closes a user's connections; for {@link SERVERS_GROUP}.
 *
 * @throws {TidingsError} OPTION_INVALID for a code that may not be sent.
 */
export function toCloseUserMessage(
  user: string,
  { code = UNAUTHORIZED, reason = "" }: Closing,
): OutgoingMessage {
  return { type: CLOSE_USER_TYPE, user, code: assertSendable(code), reason };
}

/** Reads a close; `undefined` when it is another message, or says a code that may not be sent. */
export function readCloseMessage(message: LayerMessage): CloseFrame | undefined {
  return message.type === CLOSE_TYPE ? readFrame(message) : undefined;
}

/** Reads the close of a user's connections. */
export function readCloseUserMessage(
  message: LayerMessage,
): (CloseFrame & { readonly user: string }) | undefined {
  const frame = message.type === CLOSE_USER_TYPE ? readFrame(message) : undefined;
  const user = message["user"];
  return frame && typeof user === "string" ? { ...frame, user } : undefined;
}

function readFrame({ code, reason }: LayerMessage): CloseFrame | undefined {
  if (typeof code !== "number" || typeof reason !== "string") return undefined;
  return isSendable(code) ? { code, reason } : undefined;
}

function assertSendable(code: number): number {
  if (isSendable(code)) return code;
  throw invalidOption("code", "1000, 1008, or 3000 to 4999", code);
}

function isSendable(code: number): boolean {
  return code === 1000 || code === 1008 || (Number.isInteger(code) && code >= 3000 && code <= 4999);
}
