import { toErrorResponse } from "../channels/index.ts";
import { parseConnectionCursor, SUBPROTOCOL, type ConnectionPlace } from "../protocol/index.ts";
import {
  offeredSubprotocols,
  serveHeldConsumerOverWebSocket,
  type Upgrade,
} from "../transports/index.ts";
import {
  beginConnection,
  resumeConnection,
  type AcceptedConsumer,
  type ReadConnection,
} from "./hold-connection.ts";
import type { RequestUrl } from "./request-url.ts";
import { releaseOnClose, type Seat } from "./seats.ts";
import type { ServerContext } from "./server-context.ts";

/** A WebSocket that is to carry a connection which can be gone on with. */
export interface HeldHandshake extends AcceptedConsumer {
  /** Where to go on; without it, a connection begins. */
  readonly place: ConnectionPlace | undefined;
  readonly cursor: string | undefined;
  /** The seat of the socket, unless it comes back. */
  readonly seat: Seat | undefined;
}

/**
 * Whether a handshake asks for a connection that can be gone on with, and where: `?connection=` begins
 * one, the cursor of one goes on with it (PROTOCOL.md 10.8).
 */
export function readHeldPlace(
  { request }: Upgrade,
  url: RequestUrl,
): Pick<HeldHandshake, "place" | "cursor"> | undefined {
  if (!offeredSubprotocols(request).includes(SUBPROTOCOL)) return undefined;
  const { searchParams } = new URL(url.href);
  const cursor = searchParams.get("cursor") ?? undefined;
  const place = parseConnectionCursor(cursor ?? "");
  return place || searchParams.has("connection") ? { place, cursor } : undefined;
}

/** Carries a connection over a WebSocket; returns the refusal, if it was refused. */
export async function serveHeldConsumer(
  server: ServerContext,
  upgrade: Upgrade,
  asked: HeldHandshake,
): Promise<Response | undefined> {
  const found = await findConnection(server, upgrade, asked);
  if (found instanceof Response) return found;
  serveHeldConsumerOverWebSocket(server.websockets, { upgrade, ...found });
  return undefined;
}

async function findConnection(
  server: ServerContext,
  { socket }: Upgrade,
  asked: HeldHandshake,
): Promise<ReadConnection | Response> {
  const { place, cursor, seat, context } = asked;
  const resumed = place && (await resumeConnection(server, asked, place));
  if (resumed?.kind === "read") {
    // One that lives here has a seat already; else it is the socket that has one.
    const taken = resumed.reading.link.isLocal ? undefined : server.seats.take(context);
    if (taken && "status" in taken) return toErrorResponse(taken);
    if (taken) releaseOnClose(socket, taken);
    return resumed;
  }
  // The connection takes one: it may stay longer than its socket.
  seat?.[Symbol.dispose]();
  const own = server.seats.take(context);
  if ("status" in own) return toErrorResponse(own);
  const excess = own.claim(context.user);
  if (excess) {
    own[Symbol.dispose]();
    return toErrorResponse(excess);
  }
  const reset = resumed?.reason;
  const begun = await beginConnection(server, asked, { seat: own, cursor, reset });
  return begun.kind === "read" ? begun : toErrorResponse(begun.refusal);
}
