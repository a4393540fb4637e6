import { hash } from "node:crypto";
import { validateHeaderName, validateHeaderValue, type IncomingMessage } from "node:http";

import { invalidOption } from "../core/options.ts";

/** What the answer to a handshake says beside yes. */
export interface HandshakeAnswer {
  readonly subprotocol?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", which shows that we speak WebSocket (RFC 6455 §1.3). */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The subprotocols that a client offers, in its order of preference. */
export function offeredSubprotocols({ headers }: IncomingMessage): readonly string[] {
  const offered = headers["sec-websocket-protocol"];
  return offered === undefined ? [] : offered.split(",").map((name) => name.trim());
}

/**
 * The header that answers a handshake with yes (§4.2.2), in Latin-1.
 *
 * @throws {TidingsError} OPTION_INVALID for a subprotocol that the client does not offer.
 * @throws {TypeError} for a header that HTTP cannot carry, line ends above all.
 */
export function switchingProtocols(
  request: IncomingMessage,
  { subprotocol, headers = {} }: HandshakeAnswer,
): string {
  const accept = hash("sha1", `${request.headers["sec-websocket-key"]}${GUID}`, "base64");
  let head =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n`;
  if (subprotocol !== undefined) {
    if (!offeredSubprotocols(request).includes(subprotocol)) {
      throw invalidOption("subprotocol", "one that the client offers", subprotocol);
    }
    head += `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
  }
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}
