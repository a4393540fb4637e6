import type { IncomingMessage, ServerResponse } from "node:http";

import { NodeRequest, sendNodeResponse } from "srvx/node";

import {
  toErrorResponse,
  type FeedDefinition,
  RouteContext,
  type RouteMatch,
} from "../channels/index.ts";
import { chooseDelivery, serveFeed } from "../transports/index.ts";
import { tooLarge, toFailure } from "./failure.ts";
import type { LiveConnection } from "./live-connections.ts";
import { passRoute } from "./route-request.ts";
import { respondWithHttpConsumer } from "./serve-http-consumer.ts";
import type { ServerContext } from "./server-context.ts";

/** Answers a request: a feed, an error, or the application's own pages. Never throws. */
export async function handleRequest(
  server: ServerContext,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  try {
    const response = await respond(server, incoming, outgoing);
    if (response) await sendNodeResponse(outgoing, response);
  } catch (thrown) {
    if (outgoing.destroyed) return;
    const failure = toFailure(server, thrown, incoming.url);
    if (outgoing.headersSent) outgoing.destroy();
    else await sendNodeResponse(outgoing, failure);
  }
}

async function respond(
  server: ServerContext,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<Response | undefined> {
  const { application } = server;
  const url = URL.parse(new NodeRequest({ req: incoming }).url);
  if (!url) return malformed();
  const match = server.match(url.pathname);
  const maxBodyBytes = maxBodyBytesOf(match) ?? server.limits.maxBodyBytes;
  if (Number(incoming.headers["content-length"] ?? 0) > maxBodyBytes)
    return toErrorResponse(tooLarge(maxBodyBytes));
  const request = new NodeRequest({
    req: incoming,
    res: outgoing,
    maxRequestBodySize: maxBodyBytes,
  });
  if (!match) return application.http ? await application.http(request) : notFound(url.pathname);
  const context = new RouteContext({
    request,
    params: match.params,
    isUpgrade: false,
    address: incoming.socket.remoteAddress ?? "",
  });
  const refusal = await passRoute(match, context);
  if (refusal) return refusal;
  const { definition } = match;
  switch (definition.kind) {
    case "consumer":
      return upgradeRequired(url.pathname);
    case "http":
      return await respondWithHttpConsumer(application.app, definition, context);
    case "feed":
      return await respondWithFeed(server, { match, definition, context, outgoing });
  }
}

function maxBodyBytesOf(match: RouteMatch | undefined): number | undefined {
  return match?.definition.kind === "http" ? match.definition.maxBodyBytes : undefined;
}

interface FeedRequestInProgress {
  readonly match: RouteMatch;
  readonly definition: FeedDefinition;
  readonly context: RouteContext;
  readonly outgoing: ServerResponse;
}

async function respondWithFeed(
  { sources, connections, limits, live }: ServerContext,
  { match, definition, context, outgoing }: FeedRequestInProgress,
): Promise<Response | undefined> {
  const { request } = context;
  if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed();
  const delivery = chooseDelivery(request.headers);
  if (!delivery) return notAcceptable();
  const source = sources.get(definition, match.params);
  const { maxOutboxBytes } = limits;
  let leave: (() => void) | undefined;
  const onOpen = (stream: LiveConnection): void => {
    leave = live.add(match, context, stream);
  };
  try {
    return await serveFeed(
      { request, response: outgoing, source, connections, maxOutboxBytes, onOpen },
      delivery,
    );
  } finally {
    leave?.();
  }
}

function notAcceptable(): Response {
  return toErrorResponse({
    status: 406,
    code: "REQUEST_NOT_ACCEPTABLE",
    message: "a feed is text/event-stream, application/x-ndjson or application/json",
  });
}

function malformed(): Response {
  return toErrorResponse({
    status: 400,
    code: "REQUEST_MALFORMED",
    message: "the URL is malformed",
  });
}

function notFound(pathname: string): Response {
  return toErrorResponse({
    status: 404,
    code: "REQUEST_NOT_FOUND",
    message: `nothing is at ${pathname}`,
  });
}

function methodNotAllowed(): Response {
  return toErrorResponse({
    status: 405,
    code: "REQUEST_METHOD_NOT_ALLOWED",
    message: "a feed answers GET and HEAD",
    headers: { allow: "GET, HEAD" },
  });
}

function upgradeRequired(pathname: string): Response {
  return toErrorResponse({
    status: 426,
    code: "REQUEST_UPGRADE_REQUIRED",
    message: `${pathname} is a WebSocket; open it with \`new WebSocket\``,
    headers: { upgrade: "websocket", connection: "upgrade" },
  });
}
