import type { IncomingMessage } from "node:http";

import { NodeRequest } from "srvx/node";

import {
  RouteContext,
  toErrorResponse,
  type ConsumerDefinition,
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
import { passRoute } from "./route-request.ts";
import type { ServerContext } from "./server-context.ts";

/** Answers a handshake: a consumer, a feed, or an error. Settles when the connection is over. */
export async function handleUpgrade(server: ServerContext, upgrade: Upgrade): Promise<void> {
  // Without a listener, a client that resets the connection would end the process.
  upgrade.socket.on("error", ignore);
  try {
    const refusal = await respond(server, upgrade);
    if (refusal) await answerUpgrade(upgrade.socket, refusal);
  } catch (thrown) {
    // What fails after a connection is open is its own business: here, nothing has been answered.
    await answerUpgrade(upgrade.socket, toFailure(server, thrown, upgrade.request.url));
  }
}

function ignore(): void {}

async function respond(server: ServerContext, upgrade: Upgrade): Promise<Response | undefined> {
  const malformed = checkHandshake(upgrade.request);
  if (malformed) return malformed;
  const request = new NodeRequest({ req: upgrade.request });
  const url = URL.parse(request.url);
  const match = url ? server.match(url.pathname) : undefined;
  if (!url || !match || match.definition.kind === "http") {
    return toErrorResponse({
      status: 404,
      code: "REQUEST_NOT_FOUND",
      message: `no WebSocket is at ${url?.pathname ?? "this URL"}`,
    });
  }
  const context = new RouteContext({
    request,
    params: match.params,
    isUpgrade: true,
    address: upgrade.request.socket.remoteAddress ?? "",
  });
  const refusal = await passRoute(match, context);
  if (refusal) return refusal;
  return await serve(server, upgrade, { match, context, cursor: url.searchParams.get("cursor") });
}

interface AcceptedRoute {
  readonly match: RouteMatch;
  readonly context: RouteContext;
  readonly cursor: string | null;
}

async function serve(
  server: ServerContext,
  upgrade: Upgrade,
  { match, context, cursor }: AcceptedRoute,
): Promise<Response | undefined> {
  const { definition } = match;
  if (definition.kind === "feed") {
    let leave: (() => void) | undefined;
    await serveFeedOverWebSocket(server.websockets, {
      ...upgrade,
      source: server.sources.get(definition, match.params),
      cursor: cursor ?? undefined,
      subprotocols: offeredSubprotocols(upgrade.request),
      onOpen: (connection) => (leave = server.live.add(match, context, connection)),
    }).finally(() => leave?.());
    return undefined;
  }
  if (definition.kind === "consumer")
    serveConsumer(server, upgrade, { match, context, definition });
  return undefined;
}

interface AcceptedConsumer {
  readonly match: RouteMatch;
  readonly context: RouteContext;
  readonly definition: ConsumerDefinition;
}

/** Starts a consumer's connection, which is on its own from here. */
function serveConsumer(
  server: ServerContext,
  upgrade: Upgrade,
  { match, context, definition }: AcceptedConsumer,
): void {
  const { application, dispatches, live, logger, sessions, websockets } = server;
  const dispatch = dispatches.get(definition);
  if (!dispatch) throw new Error(`no dispatch for ${definition.path.path}`);
  const layer = application.app.getLayer(definition.layer);
  const onOver = (): void => {
    leave();
    sessions.delete(session);
  };
  const options = { definition, dispatch, context, layer, logger, onOver };
  const session = openConsumerOverWebSocket(websockets, upgrade, options);
  const leave = live.add(match, context, session);
  sessions.add(session);
  void session.run();
}

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
  return undefined;
}

function malformedHandshake(
  status: number,
  message: string,
  headers?: Readonly<Record<string, string>>,
): Response {
  return toErrorResponse({ status, code: "REQUEST_MALFORMED", message, headers });
}
