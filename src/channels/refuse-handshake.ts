import { invalidOption } from "../core/options.ts";
import type { ConnectionPort } from "./connection-port.ts";

/** A refusal: what a handshake is answered with. */
interface HandshakeRefusal {
  readonly code: number;
  readonly reason: string;
}

/**
 * Refuses a handshake with an HTTP status, or completes it and closes it with a code.
 *
 * @throws {TidingsError} OPTION_INVALID for any other number.
 */
export function refuseHandshake(port: ConnectionPort, { code, reason }: HandshakeRefusal): void {
  if (code >= 400 && code <= 599) return port.refuse(code, reason);
  if (!isRejectCode(code)) throw invalidOption("code", "400 to 599, 1008, or 3000 to 4999", code);
  port.accept({});
  port.close(code, reason);
}

/** 1008, the codes of the IANA registry, and those of applications (RFC 6455 §7.4.2). */
function isRejectCode(code: number): boolean {
  return code === 1008 || (code >= 3000 && code <= 4999);
}
