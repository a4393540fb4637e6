import { isUtf8 } from "node:buffer";

import { toErrorResponse, type Refusal } from "../channels/index.ts";
import { isTidingsError } from "../core/errors.ts";
import { parseConnectionCursor } from "../protocol/index.ts";
import {
  chooseDelivery,
  requestedCursor,
  serveConsumerOverHttp,
  type ConnectionLink,
  type Delivery,
  type LossReason,
  type PostAnswer,
} from "../transports/index.ts";
import {
  beginConnection,
  resumeConnection,
  type AcceptedConsumer,
  type ReadConnection,
} from "./hold-connection.ts";
import { inTime } from "./in-time.ts";
import type { Answer, Outgoing } from "./send-response.ts";
import type { ServerContext } from "./server-context.ts";
import { toVisitor } from "./visitor.ts";

/** A request for a consumer over HTTP. */
export interface ConsumerRequest extends AcceptedConsumer {
  readonly outgoing: Outgoing;
}

/** How long a POST may wait for its messages to be handled; below the minute of most proxies. */
const MAX_ANSWER_MS = 55_000;

/** Answers a request for a consumer: GET reads a connection, POST sends to it, DELETE ends it. */
export async function respondWithConsumer(
  server: ServerContext,
  asked: ConsumerRequest,
): Promise<Answer | undefined> {
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
): Promise<Answer | undefined> {
  const { request } = asked.context;
  // Whoever takes anything at all may be a crawler, and would begin a connection unawares.
  if (!/application\/|text\/event-stream/.test(request.headers.get("accept") ?? "")) {
    const excess = findExcess(server, asked);
    return excess ? toErrorResponse(excess) : upgradeRequired(new URL(request.url).pathname);
  }
  const delivery = chooseDelivery(request.headers);
  if (!delivery) return notAcceptable();
  const place = parseConnectionCursor(requestedCursor(request) ?? "");
  const resumed = place && (await resumeConnection(server, asked, place));
  if (resumed?.kind === "read") return await goOn(server, asked, { delivery, resumed });
  return await begin(server, asked, { delivery, reset: resumed?.reason });
}

/** Why there is no room for one connection more, if there is none: a browser hides it of a handshake. */
function findExcess({ seats }: ServerContext, { context }: ConsumerRequest): Refusal | undefined {
  const seat = seats.take(context);
  if ("status" in seat) return seat;
  const excess = seat.claim(context.user);
  seat[Symbol.dispose]();
  return excess;
}

async function goOn(
  { connections, seats }: ServerContext,
  { context, outgoing: response }: ConsumerRequest,
  { delivery, resumed }: { readonly delivery: Delivery; readonly resumed: ReadConnection },
): Promise<Answer | undefined> {
  // One that lives here has a seat already.
  const isCounted = resumed.reading.link.isLocal || delivery.kind === "poll";
  const seat = isCounted ? undefined : seats.take(context);
  if (seat && "status" in seat) return toErrorResponse(seat);
  const { request } = context;
  const onOver = (): void => seat?.[Symbol.dispose]();
  const exchange = { request, response, connections, isResumed: true, onOver, ...resumed };
  let answer: Answer | undefined;
  let isOpen = false;
  try {
    answer = await serveConsumerOverHttp(exchange, delivery, resumed.first);
    isOpen = answer === undefined;
  } finally {
    if (!isOpen) onOver();
  }
  return answer;
}

async function begin(
  server: ServerContext,
  asked: ConsumerRequest,
  { delivery, reset }: { readonly delivery: Delivery; readonly reset: LossReason | undefined },
): Promise<Answer | undefined> {
  const { context, outgoing: response } = asked;
  const { connections, seats } = server;
  const seat = seats.take(context);
  if ("status" in seat) return toErrorResponse(seat);
  const excess = seat.claim(context.user);
  if (excess) {
    seat[Symbol.dispose]();
    return toErrorResponse(excess);
  }
  const cursor = requestedCursor(context.request);
  const begun = await beginConnection(server, asked, { seat, cursor, reset });
  if (begun.kind === "refused") return toErrorResponse(begun.refusal);
  const { request } = context;
  const exchange = { request, response, connections, isResumed: false, ...begun };
  // The client is to know its connection at once.
  const atOnce = delivery.kind === "long-poll" ? { ...delivery, waitMs: 0 } : delivery;
  return await serveConsumerOverHttp(exchange, atOnce, begun.first);
}

async function postToConnection(server: ServerContext, asked: ConsumerRequest): Promise<Response> {
  const { request } = asked.context;
  const link = findNamed(server, asked);
  if (link instanceof Response) return link;
  const answer = await postTo(link, Buffer.from(await request.arrayBuffer()));
  switch (answer.kind) {
    case "answers":
      return new Response(`{"answers":[${answer.answers.join(",")}]}`, {
        headers: { "content-type": "application/json", "cache-control": "no-store" },
      });
    case "lost":
      return gone();
    case "forbidden":
      return forbidden();
    case "unsure":
      return unsure();
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

/** What is no UTF-8 is no JSON (RFC 8259 §8.1), and is not made into something else. */
async function postTo(link: ConnectionLink, body: Buffer): Promise<PostAnswer> {
  if (!isUtf8(body)) return { kind: "malformed" };
  return await inTime(link.post(body.toString()), MAX_ANSWER_MS).catch(toUnsure);
}

function toUnsure(thrown: unknown): PostAnswer {
  if (isTidingsError(thrown, "REQUEST_TIMED_OUT")) return { kind: "unsure" };
  throw thrown;
}

/** They may well be handled yet, or were already; who sends them again with the same ids hears of it. */
function unsure(): Response {
  return toErrorResponse({
    status: 503,
    code: "REQUEST_TIMED_OUT",
    message: "nobody can say yet whether the messages were handled; send them again",
    headers: { "retry-after": "1" },
  });
}

async function endConnection(server: ServerContext, asked: ConsumerRequest): Promise<Response> {
  const link = findNamed(server, asked);
  if (link instanceof Response) return link;
  const ended = await link.end();
  if (ended === "lost") return gone();
  return ended === "forbidden" ? forbidden() : new Response(null, { status: 204 });
}

function findNamed(server: ServerContext, asked: ConsumerRequest): ConnectionLink | Response {
  const { match, definition, context } = asked;
  const id = namedConnection(context.request);
  if (id === undefined) {
    return toErrorResponse({
      status: 400,
      code: "REQUEST_MALFORMED",
      message: "expected the connection's id in `Tidings-Connection` or `?connection=`",
    });
  }
  const layer = server.application.app.getLayer(definition.layer);
  const link = server.held.find(id, layer, toVisitor(match, context));
  if (link === "lost") return gone();
  return link === "forbidden" ? forbidden() : link;
}

/** The connection that a request names; its cursor does as well. */
function namedConnection({ url, headers }: Request): string | undefined {
  const { searchParams } = new URL(url);
  const named = headers.get("tidings-connection") ?? searchParams.get("connection");
  return named ?? parseConnectionCursor(searchParams.get("cursor") ?? "")?.connection;
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
