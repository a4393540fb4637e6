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
import { authorizeFeed, passMiddleware } from "./route-request.ts";
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
  const { application, limits } = server;
  if (Number(incoming.headers["content-length"] ?? 0) > limits.maxBodyBytes)
    return toErrorResponse(tooLarge(limits.maxBodyBytes));
  const request = new NodeRequest({
    req: incoming,
    res: outgoing,
    maxRequestBodySize: limits.maxBodyBytes,
  });
  const url = URL.parse(request.url);
  if (!url) return malformed();
  const match = application.router.match(url.pathname);
  if (!match) return application.http ? await application.http(request) : notFound(url.pathname);
  const context = new RouteContext({
    request,
    params: match.params,
    isUpgrade: false,
    address: incoming.socket.remoteAddress ?? "",
  });
  const refusal = await passMiddleware(match, context);
  if (refusal) return refusal;
  if (match.definition.kind === "consumer") return upgradeRequired(url.pathname);
  return await respondWithFeed(server, { match, definition: match.definition, context, outgoing });
}

interface FeedRequestInProgress {
  readonly match: RouteMatch;
  readonly definition: FeedDefinition;
  readonly context: RouteContext;
  readonly outgoing: ServerResponse;
}

async function respondWithFeed(
  { sources, connections, limits }: ServerContext,
  { match, definition, context, outgoing }: FeedRequestInProgress,
): Promise<Response | undefined> {
  const { request } = context;
  if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed();
  const delivery = chooseDelivery(request.headers);
  if (!delivery) return notAcceptable();
  const refusal = await authorizeFeed(definition, context);
  if (refusal) return refusal;
  const source = sources.get(definition, match.params);
  const { maxOutboxBytes } = limits;
  return await serveFeed(
    { request, response: outgoing, source, connections, maxOutboxBytes },
    delivery,
  );
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
