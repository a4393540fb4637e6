import type { IncomingMessage } from "node:http";

import { NodeRequest } from "srvx/node";

import { KeptRequest, type RouteMatch } from "../channels/index.ts";
import { SocketResponse } from "../transports/index.ts";
import type { ServerLimits } from "./limits.ts";
import type { NodeMessage } from "./node-message.ts";
import { requestUrl, type RequestUrl } from "./request-url.ts";
import type { Outgoing } from "./send-response.ts";
import type { ServerContext } from "./server-context.ts";
import type { RequestOrigin } from "./trusted-proxies.ts";

/** Where a request comes from, and where it leads. */
interface Received {
  /** `undefined` when it is malformed. */
  readonly url: RequestUrl | undefined;
  /** Where the client is, as the trusted proxies tell it. */
  readonly origin: RequestOrigin;
  readonly match: RouteMatch | undefined;
}

/** A request as the application sees it, and where it leads. */
export interface ReceivedRequest extends Received {
  readonly request: Request;
  readonly maxBodyBytes: number;
}

/** Makes a `Request` of Node's, with the URL and the address that the trusted proxies tell. */
export function readRequest(
  server: ServerContext,
  incoming: NodeMessage,
  outgoing: Outgoing,
): ReceivedRequest {
  const origin = server.proxies.read(incoming.headers, incoming.socket);
  const url = requestUrl(incoming, origin);
  const match = url && server.match(url.pathname);
  const maxBodyBytes = maxBodyBytesOf(match, server.limits);
  const request = new NodeRequest({
    req: incoming,
    ...(outgoing instanceof SocketResponse ? {} : { res: outgoing }),
    maxRequestBodySize: maxBodyBytes,
  });
  if (url && (origin.scheme !== undefined || origin.host !== undefined)) {
    // What `request.url` is made from; by itself it knows nothing of proxies.
    // oxlint-disable-next-line no-underscore-dangle -- the name is srvx's
    request._url = new URL(url.href);
  }
  return { request, url, origin, match, maxBodyBytes };
}

/** A handshake, and where it leads; few handlers ever look at its request. */
export interface ReceivedHandshake extends Received {
  readonly request: KeptRequest;
}

/** Reads a handshake without making a `Request` of it yet. */
export function readHandshake(server: ServerContext, incoming: IncomingMessage): ReceivedHandshake {
  const origin = server.proxies.read(incoming.headers, incoming.socket);
  const url = requestUrl(incoming, origin);
  return {
    request: new KeptRequest(url?.href ?? "", incoming.rawHeaders),
    url,
    origin,
    match: url && server.match(url.pathname),
  };
}

function maxBodyBytesOf(
  match: RouteMatch | undefined,
  { maxBodyBytes, maxMessageBytes }: ServerLimits,
): number {
  switch (match?.definition.kind) {
    case "http":
      return match.definition.maxBodyBytes ?? maxBodyBytes;
    case "consumer":
      return maxMessageBytes;
    default:
      return maxBodyBytes;
  }
}
