import type { IncomingMessage } from "node:http";

import {
  RouteContext,
  toErrorResponse,
  type FeedDefinition,
  type RouteMatch,
} from "../channels/index.ts";
import {
  answerUpgrade,
  offeredSubprotocols,
  openConsumerOverWebSocket,
  serveFeedOverWebSocket,
  type Upgrade,
} from "../transports/index.ts";
import { toFailure } from "./failure.ts";
import type { AcceptedConsumer } from "./hold-connection.ts";
import { readHandshake } from "./read-request.ts";
import type { RequestUrl } from "./request-url.ts";
import { isGuarded, passRoute } from "./route-request.ts";
import { releaseOnClose } from "./seats.ts";
import type { ServerContext } from "./server-context.ts";
import { readHeldPlace, serveHeldConsumer } from "./upgrade-held-consumer.ts";

/**
 * Answers a handshake: a consumer, a feed, or an error.
 *
 * One that nobody has answered in time is refused with 503; what it waited for is then nobody's.
 */
export async function handleUpgrade(server: ServerContext, upgrade: Upgrade): Promise<void> {
  const { request, socket } = upgrade;
  // Without a listener, a client that resets the connection would end the process.
  socket.on("error", ignore);
  if (socket.destroyed) return;
  server.handshakes.begin(socket, request.url);
  const onAnswer = (): void => server.handshakes.end(socket);
  const refusal = await respond(server, { ...upgrade, onAnswer }).catch((thrown: unknown) =>
    // What fails after a connection is open is its own business: here, nothing has been answered.
    toFailure(server, thrown, request.url),
  );
  if (!refusal) return;
  onAnswer();
  await answerUpgrade(socket, refusal);
}

function ignore(): void {}

async function respond(server: ServerContext, upgrade: Upgrade): Promise<Response | undefined> {
  // What listens to the socket is to keep nothing else of the handshake.
  const { socket } = upgrade;
  const malformed = checkHandshake(upgrade.request);
  if (malformed) return malformed;
  const { request, url, match, origin } = readHandshake(server, upgrade.request);
  const definition = match?.definition;
  if (!url || !match || !definition || definition.kind === "http") {
    return toErrorResponse({
      status: 404,
      code: "REQUEST_NOT_FOUND",
      message: `no WebSocket is at ${url?.pathname ?? "this URL"}`,
    });
  }
  const { params } = match;
  const context = new RouteContext({ request, params, isUpgrade: true, address: origin });
  socket.on("close", () => server.handshakes.end(socket));
  const held = definition.kind === "consumer" ? readHeldPlace(upgrade, url) : undefined;
  // Who comes back may have a seat already.
  const seat = held?.place ? undefined : server.seats.take(origin);
  if (seat && "status" in seat) return toErrorResponse(seat);
  if (seat) releaseOnClose(socket, seat);
  const refusal = isGuarded(match) ? await passRoute(match, context) : undefined;
  if (refusal) return refusal;
  const excess = seat?.claim(context.user);
  if (excess) return toErrorResponse(excess);
  // Who went meanwhile, or was told that it is late, would never be said to be gone.
  if (!socket.writable) return undefined;
  if (definition.kind === "feed") {
    await serveFeed(server, upgrade, { match, context, definition, url });
    return undefined;
  }
  if (held) {
    return await serveHeldConsumer(server, upgrade, { match, context, definition, seat, ...held });
  }
  serveConsumer(server, upgrade, { match, context, definition });
  return undefined;
}

interface AcceptedFeed {
  readonly match: RouteMatch;
  readonly context: RouteContext;
  readonly definition: FeedDefinition;
  readonly url: RequestUrl;
}

async function serveFeed(
  server: ServerContext,
  upgrade: Upgrade,
  { match, context, definition, url }: AcceptedFeed,
): Promise<void> {
  await serveFeedOverWebSocket(server.websockets, {
    ...upgrade,
    source: server.sources.get(definition, match.params),
    cursor: new URL(url.href).searchParams.get("cursor") ?? undefined,
    subprotocols: offeredSubprotocols(upgrade.request),
    onOpen: (connection) => server.live.add(match, context, connection),
  });
}

/** Starts a consumer's connection, which is on its own from here. */
function serveConsumer(
  server: ServerContext,
  upgrade: Upgrade,
  { match, context, definition }: AcceptedConsumer,
): void {
  const { application, dispatches, followFeed, live, logger, sessions, websockets } = server;
  const dispatch = dispatches.get(definition);
  if (!dispatch) throw new Error(`no dispatch for ${definition.path.path}`);
  const layer = application.app.getLayer(definition.layer);
  const onOver = (): void => {
    leave();
    sessions.delete(session);
  };
  const getRecorded = () => application.app.getRecordedGroups(definition.layer);
  const own = { definition, dispatch, context, layer };
  const options = { ...own, getRecorded, followFeed, logger, onOver };
  const session = openConsumerOverWebSocket(websockets, upgrade, options);
  const leave = live.add(match, context, session);
  sessions.add(session);
  void session.run();
}

/** A list of tokens (RFC 9110 §5.6.2), as the client names its subprotocols. */
const SUBPROTOCOLS = /^[!#$%&'*+\-.^_`|~\w]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~\w]+)*$/;

/** RFC 6455 §4.2.1: what a handshake must have; we say what was wrong before any handler runs. */
function checkHandshake({ method, headers }: IncomingMessage): Response | undefined {
  if (method !== "GET") return malformedHandshake(405, "a WebSocket handshake is a GET request");
  if (headers["sec-websocket-version"] !== "13") {
    return malformedHandshake(426, "expected Sec-WebSocket-Version 13", {
      "sec-websocket-version": "13",
    });
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? "")) {
    return malformedHandshake(400, "expected a Sec-WebSocket-Key of 16 bytes in base64");
  }
  if (headers.upgrade?.toLowerCase() !== "websocket") {
    return malformedHandshake(400, "expected `Upgrade: websocket`");
  }
  const subprotocols = headers["sec-websocket-protocol"];
  if (subprotocols !== undefined && !SUBPROTOCOLS.test(subprotocols)) {
    return malformedHandshake(400, "expected Sec-WebSocket-Protocol to be a list of names");
  }
  return undefined;
}

function malformedHandshake(
  status: number,
  message: string,
  headers?: Readonly<Record<string, string>>,
): Response {
  return toErrorResponse({ status, code: "REQUEST_MALFORMED", message, headers });
}
