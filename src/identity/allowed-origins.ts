import { toErrorResponse, type Middleware } from "../channels/index.ts";

/**
 * Refuses requests that another site's page makes with its visitor's cookies.
 *
 * Browsers send cookies with a WebSocket handshake from any page, and cross-origin rules do not apply
 * to it; hence every consumer and feed behind cookies needs this. Without a list, only the origin of
 * the request's own host passes. Entries are origins (`https://example.com`). A request without an
 * `Origin` is not from another site's page (browsers name it there) and passes.
 *
 * Refused requests get 403 REQUEST_FORBIDDEN_ORIGIN.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-10.2
 */
export function allowedOrigins(origins: readonly string[] = []): Middleware {
  const allowed = new Set(origins.map((origin) => new URL(origin).origin));
  return ({ request }) => {
    const origin = request.headers.get("origin");
    if (origin === null) return undefined;
    if (allowed.has(origin) || isSameHost(origin, request)) return undefined;
    return toErrorResponse({
      status: 403,
      code: "REQUEST_FORBIDDEN_ORIGIN",
      message: "requests from this origin are not allowed; list it in `allowedOrigins`",
    });
  };
}

/**
 * Whether the origin is that of the host that was asked.
 *
 * Only host and port: behind a proxy that ends TLS, the request itself came over http.
 */
function isSameHost(origin: string, request: Request): boolean {
  return URL.parse(origin)?.host === new URL(request.url).host;
}
