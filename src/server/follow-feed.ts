import {
  KeptRequest,
  RouteContext,
  toErrorResponse,
  type AskedFeed,
  type FeedListener,
  type FollowFeed,
  type Refusal,
} from "../channels/index.ts";
import { isErrorBody } from "../protocol/index.ts";
import { toFailure } from "./failure.ts";
import { inTime } from "./in-time.ts";
import { passRoute } from "./route-request.ts";
import type { ServerContext } from "./server-context.ts";

/** What following needs of a server. */
type FeedServer = Pick<ServerContext, "limits" | "live" | "logger" | "sources" | "match">;

const INTERNAL_ERROR = 1011;

/** Makes what follows the feeds of a server over connections that are open already. */
export function followFeedOn(server: FeedServer): FollowFeed {
  return async (connection, asked, listener) => {
    try {
      const joined = await join(server, { ...asked, connection, listener });
      if (typeof joined === "function") return joined;
      listener.refuse(await readRefusal(joined));
    } catch (thrown) {
      listener.refuse(await readRefusal(toFailure(server, thrown, asked.url)));
    }
    return nothing;
  };
}

interface Joining extends AskedFeed {
  readonly connection: RouteContext;
  readonly listener: FeedListener;
}

/** Returns what leaves the feed, or the response that refuses it. */
async function join(
  server: FeedServer,
  { connection, url, cursor, listener }: Joining,
): Promise<(() => void) | Response> {
  const { request, isUpgrade, address } = connection;
  const target = URL.parse(url, request.url);
  const isHere = target?.origin === new URL(request.url).origin;
  const match = isHere ? server.match(target.pathname) : undefined;
  if (!target || match?.definition.kind !== "feed") return notFound(url);
  const { definition, params } = match;
  const kept = new KeptRequest(target.href, [...request.headers].flat());
  const context = new RouteContext({ request: kept, params, isUpgrade, address });
  const refusal = await inTime(passRoute(match, context), server.limits.handshakeTimeoutMs);
  if (refusal) return refusal;
  context.compact();
  const place = cursor ?? target.searchParams.get("cursor") ?? undefined;
  const leave = await server.sources.get(definition, params).follow(listener, place);
  const unwatch = server.live.add(match, context, {
    close: (code, reason) => listener.refuse(toRefusal(code, reason)),
  });
  return () => {
    unwatch();
    leave();
  };
}

function notFound(url: string): Response {
  return toErrorResponse({
    status: 404,
    code: "REQUEST_NOT_FOUND",
    message: `no feed is at ${url.split("?")[0]}`,
  });
}

/** What a response says, to somebody who gets it in a frame. */
async function readRefusal(response: Response): Promise<Refusal> {
  const { status } = response;
  const body: unknown = await response.json().catch(() => undefined);
  if (isErrorBody(body)) return { status, ...body.error };
  return { status, code: "REQUEST_REFUSED", message: `refused with ${status}` };
}

/** Why somebody who was let in is to leave, as a refusal of their request would say it. */
function toRefusal(closeCode: number, message: string): Refusal {
  if (closeCode === INTERNAL_ERROR) return { status: 500, code: "REQUEST_FAILED", message };
  const isStatus = closeCode >= 4400 && closeCode <= 4499;
  const status = isStatus ? closeCode - 4000 : 401;
  const code = status === 401 ? "REQUEST_UNAUTHENTICATED" : "REQUEST_REFUSED";
  return { status, code, message };
}

function nothing(): void {}
