import { NodeRequest } from "srvx/node";

import type { RouteMatch } from "../channels/index.ts";
import type { NodeMessage } from "./node-message.ts";
import type { NodeResponse } from "./send-response.ts";
import type { ServerContext } from "./server-context.ts";

/** A request as the application sees it, and where it leads. */
export interface ReceivedRequest {
  readonly request: Request;
  /** `undefined` when it is malformed. */
  readonly url: URL | undefined;
  /** The client's address; that which the trusted proxies tell. */
  readonly address: string;
  readonly match: RouteMatch | undefined;
  readonly maxBodyBytes: number;
}

/** Makes a `Request` of Node's, with the URL and the address that the trusted proxies tell. */
export function readRequest(
  server: ServerContext,
  incoming: NodeMessage,
  outgoing?: NodeResponse,
): ReceivedRequest {
  const { headers, socket } = incoming;
  const { address, scheme, host } = server.proxies.originOf(headers, socket.remoteAddress);
  const url = URL.parse(new NodeRequest({ req: incoming }).url) ?? undefined;
  const match = url && server.match(url.pathname);
  const maxBodyBytes = maxBodyBytesOf(match) ?? server.limits.maxBodyBytes;
  const request = new NodeRequest({
    req: incoming,
    ...(outgoing && { res: outgoing }),
    maxRequestBodySize: maxBodyBytes,
  });
  if (url && scheme !== undefined) url.protocol = `${scheme}:`;
  if (url && host !== undefined) {
    url.port = ""; // a host without one has that of the scheme
    url.host = host;
  }
  if (url && (scheme !== undefined || host !== undefined)) {
    // What `request.url` is made from; by itself it knows nothing of proxies.
    // oxlint-disable-next-line no-underscore-dangle -- the name is srvx's
    request._url = url;
  }
  return { request, url, address, match, maxBodyBytes };
}

function maxBodyBytesOf(match: RouteMatch | undefined): number | undefined {
  return match?.definition.kind === "http" ? match.definition.maxBodyBytes : undefined;
}
