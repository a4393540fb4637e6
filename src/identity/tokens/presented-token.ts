import type { RouteContext } from "../../channels/index.ts";

/**
 * Where a token may stand in a request.
 *
 * - `header`: `Authorization: Bearer <token>`.
 * - `subprotocol`: a WebSocket offers `bearer.<token>` beside the subprotocol that it speaks, since
 *   browsers cannot add a header. The server never chooses it, hence never sends it back.
 * - `query`: `?access_token=<token>`, which ends up in logs and histories.
 */
export type TokenPlace = "header" | "subprotocol" | "query";

/** How long a token may be; Node takes 16 KiB for the whole header. */
const MAX_TOKEN_LENGTH = 8_192;
const SUBPROTOCOL_PREFIX = "bearer.";
/** `b64token` of RFC 6750 §2.1. */
const TOKEN = /^[\w\-.~+/]+=*$/;

/** A token; or what is wrong with what stands there, in words that hold nothing of it. */
export type PresentedToken = { readonly token: string } | { readonly problem: string };

/**
 * The token of a request, if it has one.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6750#section-2
 */
export function presentedToken(
  context: RouteContext,
  places: readonly TokenPlace[],
): PresentedToken | undefined {
  const found = places.flatMap((place) => readPlace(context, place));
  const [token] = found;
  if (token === undefined) return undefined;
  // "Clients MUST NOT use more than one method to transmit the token in each request."
  if (found.length > 1) return { problem: "the request has more than one token" };
  if (token.length > MAX_TOKEN_LENGTH) return { problem: "the token is too long" };
  return TOKEN.test(token) ? { token } : { problem: "the token is malformed" };
}

function readPlace({ request, isUpgrade }: RouteContext, place: TokenPlace): readonly string[] {
  switch (place) {
    case "header": {
      const header = request.headers.get("authorization") ?? "";
      return /^bearer(?: |$)/i.test(header) ? [header.slice("bearer ".length).trim()] : [];
    }
    case "subprotocol": {
      if (!isUpgrade) return [];
      const offered = request.headers.get("sec-websocket-protocol") ?? "";
      return offered
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name.startsWith(SUBPROTOCOL_PREFIX))
        .map((name) => name.slice(SUBPROTOCOL_PREFIX.length));
    }
    case "query":
      return new URL(request.url).searchParams.getAll("access_token");
  }
}
