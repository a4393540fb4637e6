import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";

import { toErrorResponse } from "../channels/index.ts";
import { sendResponse } from "./send-response.ts";

/**
 * Gives the body of an HTTP/2 request its time to arrive, then 408: Node does so for HTTP/1.1 only.
 *
 * An answer that has begun meanwhile is cut off, as it is over HTTP/1.1.
 */
export function limitBodyTime(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  timeoutMs: number,
): void {
  const { stream } = request;
  if (stream.endAfterHeaders) return;
  const timer = setTimeout(() => void refuse(response), timeoutMs);
  const end = (): void => clearTimeout(timer);
  stream.once("end", end).once("close", end);
}

async function refuse(response: Http2ServerResponse): Promise<void> {
  const { stream } = response;
  if (response.headersSent) return stream.close(constants.NGHTTP2_CANCEL);
  const message = "the body did not arrive in time";
  await sendResponse(
    response,
    toErrorResponse({ status: 408, code: "REQUEST_TIMED_OUT", message }),
  );
  // "A server MAY request that the client abort transmission of a request without error" (RFC 9113 §8.1).
  stream.close(constants.NGHTTP2_NO_ERROR);
}
