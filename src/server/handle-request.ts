import {
  RouteContext,
  toErrorResponse,
  type FeedDefinition,
  type RouteMatch,
} from "../channels/index.ts";
import { chooseDelivery, isGone, serveFeed } from "../transports/index.ts";
import { tooLarge, toFailure } from "./failure.ts";
import { inTime } from "./in-time.ts";
import type { LiveConnection } from "./live-connections.ts";
import type { NodeMessage } from "./node-message.ts";
import { readRequest } from "./read-request.ts";
import { isGuarded, passRoute } from "./route-request.ts";
import { sendResponse, type Answer, type Outgoing } from "./send-response.ts";
import { respondWithConsumer } from "./serve-consumer.ts";
import { respondWithHttpConsumer } from "./serve-http-consumer.ts";
import type { ServerContext } from "./server-context.ts";
import type { RequestOrigin } from "./trusted-proxies.ts";

/** Answers a request: a feed, an error, or the application's own pages. Never throws. */
export async function handleRequest(
  server: ServerContext,
  incoming: NodeMessage,
  outgoing: Outgoing,
): Promise<void> {
  try {
    const response = await respond(server, incoming, outgoing);
    const broken = response && (await sendResponse(outgoing, response));
    if (broken) toFailure(server, broken, incoming.url);
  } catch (thrown) {
    if (isGone(outgoing)) return;
    const failure = toFailure(server, thrown, incoming.url);
    if (outgoing.headersSent) outgoing.destroy();
    else await sendResponse(outgoing, failure);
  }
}

async function respond(
  server: ServerContext,
  incoming: NodeMessage,
  outgoing: Outgoing,
): Promise<Answer | undefined> {
  const { application, limits } = server;
  const received = readRequest(server, incoming, outgoing);
  const { request, url, match, origin, maxBodyBytes } = received;
  if (Number(incoming.headers["content-length"] ?? 0) > maxBodyBytes)
    return toErrorResponse(tooLarge(maxBodyBytes));
  if (!url) return malformed();
  if (!match) return await respondWithPage(server, request, url.pathname);
  const { params } = match;
  const context = new RouteContext({ request, params, isUpgrade: false, address: origin });
  if (isGuarded(match)) {
    const passed = inTime(passRoute(match, context), limits.handshakeTimeoutMs);
    // A page of another origin may read why it is refused, or that something has failed, too.
    const refusal = await passed.finally(() => setHeaders(outgoing, context));
    if (refusal) return refusal;
  }
  const { definition } = match;
  switch (definition.kind) {
    case "consumer":
      return await respondWithConsumer(server, { match, definition, context, outgoing });
    case "http":
      return await respondWithHttpConsumer(application.app, definition, context);
    case "feed":
      return await respondWithFeed(server, { match, definition, context, origin, outgoing });
  }
}

function setHeaders(outgoing: Outgoing, context: RouteContext): void {
  for (const [name, value] of context.takeAnswerHeaders() ?? []) outgoing.setHeader(name, value);
}

/** The pages answer, or our health where they have nothing. */
async function respondWithPage(
  { application, health }: ServerContext,
  request: Request,
  pathname: string,
): Promise<Response> {
  if (health.isNamed(pathname)) {
    const answer = await health.answer(request, pathname);
    if (answer) return answer;
  }
  const page = application.http ? await application.http(request) : notFound(pathname);
  if (page.status !== 404) return page;
  const answer = await health.answer(request, pathname);
  if (!answer) return page;
  await page.body?.cancel();
  return answer;
}

interface FeedRequestInProgress {
  readonly match: RouteMatch;
  readonly definition: FeedDefinition;
  readonly context: RouteContext;
  readonly origin: RequestOrigin;
  readonly outgoing: Outgoing;
}

async function respondWithFeed(
  { sources, connections, limits, live, seats }: ServerContext,
  { match, definition, context, origin, outgoing }: FeedRequestInProgress,
): Promise<Answer | undefined> {
  const { request } = context;
  if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed();
  const delivery = chooseDelivery(request.headers);
  if (!delivery) return notAcceptable();
  const seat = delivery.kind === "poll" ? undefined : seats.take(origin);
  if (seat && "status" in seat) return toErrorResponse(seat);
  const source = sources.get(definition, match.params);
  const { maxOutboxBytes } = limits;
  let isOpen = false;
  const onOpen = (stream: LiveConnection): (() => void) => {
    isOpen = true;
    return releaseAll(live.add(match, context, stream), seat);
  };
  try {
    const excess = seat?.claim(context.user);
    if (excess) return toErrorResponse(excess);
    const exchange = { request, response: outgoing, source, connections, maxOutboxBytes, onOpen };
    await serveFeed(exchange, delivery);
    return undefined;
  } finally {
    // What stays open has its seat until it is over.
    if (!isOpen) seat?.[Symbol.dispose]();
  }
}

/** A function of its own, so that an open stream keeps nothing else of its request. */
function releaseAll(leave: () => void, seat: Disposable | undefined): () => void {
  return () => {
    leave();
    seat?.[Symbol.dispose]();
  };
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
