import {
  toErrorResponse,
  userKey,
  type ConsumerDefinition,
  type RouteContext,
  type RouteMatch,
} from "../channels/index.ts";
import { TidingsError } from "../core/errors.ts";
import { parseConnectionCursor, type ConnectionPlace } from "../protocol/index.ts";
import {
  chooseDelivery,
  Reading,
  requestedCursor,
  serveConsumerOverHttp,
  type Delivery,
  type HeldConnection,
  type LossReason,
  type Visitor,
} from "../transports/index.ts";
import { inTime } from "./in-time.ts";
import type { Seat } from "./seats.ts";
import type { NodeResponse } from "./send-response.ts";
import type { ServerContext } from "./server-context.ts";

/** A request for a consumer, let through by its middleware. */
export interface ConsumerRequest {
  readonly match: RouteMatch;
  readonly definition: ConsumerDefinition;
  readonly context: RouteContext;
  readonly outgoing: NodeResponse;
}

/** How long a POST may wait for its messages to be handled; below the minute of most proxies. */
const MAX_ANSWER_MS = 55_000;

/** Answers a request for a consumer: GET reads a connection, POST sends to it, DELETE ends it. */
export async function respondWithConsumer(
  server: ServerContext,
  asked: ConsumerRequest,
): Promise<Response | undefined> {
  switch (asked.context.request.method) {
    case "GET":
      return await readConnection(server, asked);
    case "POST":
      return await postToConnection(server, asked);
    case "DELETE":
      return await endConnection(server, asked);
    default:
      return toErrorResponse({
        status: 405,
        code: "REQUEST_METHOD_NOT_ALLOWED",
        message: "a consumer answers GET, POST and DELETE",
        headers: { allow: "GET, POST, DELETE" },
      });
  }
}

async function readConnection(
  server: ServerContext,
  asked: ConsumerRequest,
): Promise<Response | undefined> {
  const { request } = asked.context;
  // Whoever takes anything at all may be a crawler, and would begin a connection unawares.
  if (!/application\/|text\/event-stream/.test(request.headers.get("accept") ?? "")) {
    return upgradeRequired(new URL(request.url).pathname);
  }
  const delivery = chooseDelivery(request.headers);
  if (!delivery) return notAcceptable();
  const cursor = requestedCursor(request);
  const place = cursor === undefined ? undefined : parseConnectionCursor(cursor);
  const resumed = place && (await goOn(server, asked, { place, delivery }));
  if (resumed && resumed.kind === "answered") return resumed.response;
  return await begin(server, asked, { delivery, reset: resumed?.reason });
}

type Resumption =
  | { readonly kind: "answered"; readonly response: Response | undefined }
  | { readonly kind: "lost"; readonly reason: LossReason };

/** Goes on with a connection, wherever it lives, unless it is gone, or another user's. */
async function goOn(
  server: ServerContext,
  asked: ConsumerRequest,
  { place, delivery }: { readonly place: ConnectionPlace; readonly delivery: Delivery },
): Promise<Resumption> {
  const { definition, context, outgoing } = asked;
  const { connection: id, sequence: after } = place;
  const layer = server.application.app.getLayer(definition.layer);
  const link = server.held.find(id, layer, toVisitor(asked));
  if (typeof link === "string") return { kind: "lost", reason: "connection-gone" };
  const reading = new Reading({ link, id, after });
  const first = await reading.next(0);
  if (first.kind === "lost") return first;
  if (first.kind === "forbidden") return { kind: "lost", reason: "connection-gone" };
  // One that lives here has a seat already.
  const seat = link.isLocal || delivery.kind === "poll" ? undefined : server.seats.take(context);
  if (seat && "status" in seat) return { kind: "answered", response: toErrorResponse(seat) };
  const { connections } = server;
  const own = { isResumed: true, headers: {} };
  const exchange = { ...own, request: context.request, response: outgoing, connections, reading };
  try {
    return { kind: "answered", response: await serveConsumerOverHttp(exchange, delivery, first) };
  } finally {
    seat?.[Symbol.dispose]();
  }
}

/** Begins a connection, which lives here. */
async function begin(
  server: ServerContext,
  asked: ConsumerRequest,
  { delivery, reset }: { readonly delivery: Delivery; readonly reset: LossReason | undefined },
): Promise<Response | undefined> {
  const { context, outgoing } = asked;
  const seat = server.seats.take(context);
  if ("status" in seat) return toErrorResponse(seat);
  const excess = seat.claim(context.user);
  if (excess) {
    seat[Symbol.dispose]();
    return toErrorResponse(excess);
  }
  const connection = await open(server, asked, seat);
  const { limits } = server;
  const opening = await inTime(connection.opening, limits.handshakeTimeoutMs).catch(
    (thrown: unknown) => {
      connection.abandon();
      throw thrown;
    },
  );
  if (opening.kind === "refused") return toErrorResponse(opening.refusal);
  const reading = new Reading({ link: connection, id: connection.id, after: 0, reset });
  const { connections } = server;
  const own = { isResumed: false, headers: opening.headers };
  const exchange = { ...own, request: context.request, response: outgoing, connections, reading };
  // The client is to know its connection at once.
  const first = await reading.next(0);
  const atOnce = delivery.kind === "long-poll" ? { ...delivery, waitMs: 0 } : delivery;
  return await serveConsumerOverHttp(exchange, atOnce, first);
}

async function open(
  server: ServerContext,
  asked: ConsumerRequest,
  seat: Seat,
): Promise<HeldConnection> {
  const { match, definition, context } = asked;
  const { application, dispatches, held, live, logger, sessions } = server;
  const dispatch = dispatches.get(definition);
  if (!dispatch) throw new Error(`no dispatch for ${definition.path.path}`);
  const layer = application.app.getLayer(definition.layer);
  let leave: (() => void) | undefined;
  const connection = await held
    .open({
      visitor: toVisitor(asked),
      session: { definition, dispatch, context, layer, logger },
      onBegin(session) {
        sessions.add(session);
        leave = live.add(match, context, session);
      },
      onSessionOver(session) {
        leave?.();
        sessions.delete(session);
        seat[Symbol.dispose]();
      },
    })
    .catch((thrown: unknown) => {
      seat[Symbol.dispose]();
      throw thrown;
    });
  return connection;
}

async function postToConnection(server: ServerContext, asked: ConsumerRequest): Promise<Response> {
  const { request } = asked.context;
  const link = findNamed(server, asked);
  if (link instanceof Response) return link;
  const posted = link.post(await request.text());
  const answer = await inTime(posted, MAX_ANSWER_MS).catch(toTimeout);
  switch (answer.kind) {
    case "answers":
      return new Response(`{"answers":${answer.json}}`, {
        headers: { "content-type": "application/json", "cache-control": "no-store" },
      });
    case "lost":
      return gone();
    case "forbidden":
      return forbidden();
    case "malformed":
      return toErrorResponse({
        status: 400,
        code: "MESSAGE_NOT_JSON",
        message: "expected a message in JSON, or a list of at most 1000",
      });
    case "busy":
      return toErrorResponse({
        status: 429,
        code: "REQUEST_TOO_MANY_MESSAGES",
        message: "messages come faster than they are handled; send this again later",
        headers: { "retry-after": "1" },
      });
  }
}

/** They may well be handled yet; whoever sends them again with the same ids hears of it. */
function toTimeout(thrown: unknown): never {
  throw thrown instanceof TidingsError
    ? new TidingsError("REQUEST_TIMED_OUT", "the messages are not handled yet; send them again")
    : thrown;
}

async function endConnection(server: ServerContext, asked: ConsumerRequest): Promise<Response> {
  const link = findNamed(server, asked);
  if (link instanceof Response) return link;
  const ended = await link.end();
  if (ended === "lost") return gone();
  return ended === "forbidden" ? forbidden() : new Response(null, { status: 204 });
}

function findNamed(server: ServerContext, asked: ConsumerRequest) {
  const { definition, context } = asked;
  const id = namedConnection(context.request);
  if (id === undefined) {
    return toErrorResponse({
      status: 400,
      code: "REQUEST_MALFORMED",
      message: "expected the connection's id in `Tidings-Connection` or `?connection=`",
    });
  }
  const layer = server.application.app.getLayer(definition.layer);
  const link = server.held.find(id, layer, toVisitor(asked));
  if (link === "lost") return gone();
  return link === "forbidden" ? forbidden() : link;
}

/** The connection that a request names; its cursor does as well. */
function namedConnection({ url, headers }: Request): string | undefined {
  const { searchParams } = new URL(url);
  const named = headers.get("tidings-connection") ?? searchParams.get("connection");
  return named ?? parseConnectionCursor(searchParams.get("cursor") ?? "")?.connection;
}

function toVisitor({ match, context }: ConsumerRequest): Visitor {
  return {
    place: JSON.stringify([match.path.path, match.params]),
    user: context.user ? userKey(context.user) : null,
    validUntil: context.validUntil,
  };
}

function gone(): Response {
  return toErrorResponse({
    status: 410,
    code: "CONNECTION_GONE",
    message: "the connection is gone; ask for a new one",
  });
}

function forbidden(): Response {
  return toErrorResponse({
    status: 403,
    code: "REQUEST_FORBIDDEN",
    message: "the connection is another user's",
  });
}

function notAcceptable(): Response {
  return toErrorResponse({
    status: 406,
    code: "REQUEST_NOT_ACCEPTABLE",
    message: "a consumer is text/event-stream, application/x-ndjson or application/json",
  });
}

function upgradeRequired(pathname: string): Response {
  return toErrorResponse({
    status: 426,
    code: "REQUEST_UPGRADE_REQUIRED",
    message: `${pathname} is a WebSocket, or a stream for who asks for one by \`Accept\``,
    headers: { upgrade: "websocket", connection: "upgrade" },
  });
}
