import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

import { toErrorResponse, type Refusal } from "../channels/index.ts";
import type { ErrorCode } from "../core/errors.ts";

/** Answers a handshake with an HTTP error in JSON, and closes the socket. */
export function refuseUpgrade(socket: Duplex, status: number, message: string): void {
  void answerUpgrade(socket, toErrorResponse(toRefusal(status, message)));
}

/** What a client is told that a consumer has refused with an HTTP status. */
export function toRefusal(status: number, message: string): Refusal {
  const text = message || (STATUS_CODES[status] ?? "refused");
  return { status, code: toCode(status), message: text };
}

/**
 * Answers a handshake with a response that is not 101, and closes the socket.
 *
 * Does nothing when it has been answered, or nobody is there any more.
 */
export async function answerUpgrade(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  if (!socket.writable) return;
  const headers = new Headers(response.headers);
  headers.set("connection", "close");
  headers.set("content-length", String(body.length));
  const lines = [
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}`,
    ...[...headers].map(([name, value]) => `${name}: ${value}`),
  ];
  // Nobody else would close the half that a client leaves open.
  socket.once("finish", () => socket.destroy());
  socket.end(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]));
}

function toCode(status: number): ErrorCode {
  if (status === 401) return "REQUEST_UNAUTHENTICATED";
  if (status === 404) return "REQUEST_NOT_FOUND";
  return status >= 500 ? "REQUEST_FAILED" : "REQUEST_REFUSED";
}
