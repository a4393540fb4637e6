import type { IncomingMessage } from "node:http";

import { chooseMediaType } from "../protocol/index.ts";
import { requestUrl } from "./request-url.ts";
import type { ServerContext } from "./server-context.ts";

/** Whether a request is answered with a stream, unless it is refused. */
export function isStreamRequest(server: ServerContext, request: IncomingMessage): boolean {
  const { headers, method, socket } = request;
  if (method !== "GET" || !isStream(headers.accept)) return false;
  // Node reads bodies, and refuses a request that names no host.
  const isBare = !("content-length" in headers || "transfer-encoding" in headers);
  if (!isBare || headers.host === undefined) return false;
  const url = requestUrl(request, server.proxies.read(headers, socket));
  const kind = url && server.match(url.pathname)?.definition.kind;
  return kind === "feed" || kind === "consumer";
}

function isStream(accept = ""): boolean {
  if (!accept.includes("stream") && !accept.includes("ndjson")) return false;
  const mediaType = chooseMediaType(accept);
  return mediaType === "text/event-stream" || mediaType === "application/x-ndjson";
}
