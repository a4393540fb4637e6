import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";

import { sendNodeResponse } from "srvx/node";

import { SocketResponse, TextAnswer } from "../transports/index.ts";

/** A response of Node, of HTTP/1.1 or HTTP/2. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** Where a request is answered: a response of Node, or the socket of a stream. */
export type Outgoing = NodeResponse | SocketResponse;

/** What is answered to a request. */
export type Answer = Response | TextAnswer;

/**
 * "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields"
 * (RFC 9113 §8.2.2). Pages that were written for HTTP/1.1 may.
 */
const CONNECTION_HEADERS = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
];

/**
 * Sends a response; settles when all of it is on its way, or nobody is there any more.
 *
 * Returns what its body failed with, if it did: the connection has been cut then, which is all that a
 * client can be told after the head.
 */
export async function sendResponse(outgoing: Outgoing, answer: Answer): Promise<Error | undefined> {
  if (answer instanceof TextAnswer) {
    answer.sendTo(outgoing);
    return undefined;
  }
  if (outgoing instanceof SocketResponse) {
    await outgoing.answer(answer);
    return undefined;
  }
  if (!("stream" in outgoing)) {
    await sendNodeResponse(outgoing, answer);
    return outgoing.errored ?? undefined;
  }
  const { stream } = outgoing;
  await sendNodeResponse(outgoing, toHttp2(answer));
  return stream.errored ?? undefined;
}

function toHttp2(response: Response): Response {
  if (!CONNECTION_HEADERS.some((name) => response.headers.has(name))) return response;
  const headers = new Headers(response.headers);
  for (const name of CONNECTION_HEADERS) headers.delete(name);
  return new Response(response.body, { status: response.status, headers });
}
