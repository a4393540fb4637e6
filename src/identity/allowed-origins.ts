import { toErrorResponse, type Middleware, type RouteContext } from "../channels/index.ts";
import { assertTexts } from "../core/options.ts";
import { parseOriginRule, type OriginRule } from "./origin-rule.ts";
import { defaultPort, parseOrigin, type Origin } from "./origin.ts";

/** What our answers say in their headers, besides what pages may always read. */
const EXPOSED = "etag, preference-applied, retry-after";
/** How long a browser need not ask again. */
const PREFLIGHT_MAX_AGE_SECONDS = 600;

/** The origins that `allowedOrigins` has let pass, so that nobody else need decide. */
const decided = new WeakSet<RouteContext>();

/**
 * Refuses requests that another site's page makes with its visitor's cookies.
 *
 * Browsers send cookies with a WebSocket handshake from any page, and cross-origin rules do not apply
 * to it. Whatever recognises people by their cookies ({@link sessionAuth}, {@link djangoSessions})
 * therefore lets only pages of the request's own host pass, unless this has decided before it.
 *
 * Rules are `https://example.com`, `example.com:8000` (http or https), `https://*.example.com` (every
 * subdomain), `http://localhost:*` (every port), `same-origin` and `*`. Without rules it is
 * `same-origin`; with rules, only they count. `same-origin` compares with the host that the request
 * names, or a trusted proxy does: a page may have made its own name point at this server.
 *
 * A request without `Origin` passes unless the browser says, in `Sec-Fetch-Site`, that another site's
 * page made it; following a link is no such request. The origin `null` and malformed ones never pass.
 *
 * Refused requests get 403 REQUEST_FORBIDDEN_ORIGIN. What others are answered their page may read, also
 * when it has sent cookies; what a browser asks for before that (a preflight) is answered here.
 *
 * @throws {TidingsError} OPTION_INVALID for a rule that is none, or for no list.
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-10.2
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export function allowedOrigins(rules: readonly string[] = []): Middleware {
  assertTexts("rules", rules);
  const isAny = rules.includes("*");
  const isSameAllowed = rules.length === 0 || rules.includes("same-origin");
  const parsed = rules
    .filter((rule) => rule !== "*" && rule !== "same-origin")
    .map(parseOriginRule);
  return (context) => {
    const { request } = context;
    const header = request.headers.get("origin");
    const isAllowed =
      header === null
        ? isAny || !isForeignFetch(request)
        : isOriginAllowed(header, { isAny, parsed, own: isSameAllowed ? request.url : undefined });
    if (!isAllowed) return refusal();
    decided.add(context);
    if (context.isUpgrade) return undefined;
    // A cache must not give the pages of one origin what those of another, or of none, were answered.
    context.setAnswerHeader("vary", "origin");
    if (header === null) return undefined;
    context.setAnswerHeader("access-control-allow-origin", header);
    context.setAnswerHeader("access-control-allow-credentials", "true");
    context.setAnswerHeader("access-control-expose-headers", EXPOSED);
    return isPreflight(request) ? allowing(request) : undefined;
  };
}

const sameOrigin = allowedOrigins();

/** Refuses what comes from another origin, unless {@link allowedOrigins} has let it pass already. */
export const guardCookies: Middleware = (context) =>
  decided.has(context) ? undefined : sameOrigin(context);

interface Decision {
  readonly isAny: boolean;
  readonly parsed: readonly OriginRule[];
  /** The request's URL, if its own origin is allowed. */
  readonly own: string | undefined;
}

function isOriginAllowed(header: string, { isAny, parsed, own }: Decision): boolean {
  const origin = parseOrigin(header);
  if (!origin) return false;
  if (isAny || parsed.some((rule) => rule(origin))) return true;
  return own !== undefined && isOwnOrigin(origin, new URL(own));
}

/**
 * Whether the origin is that of the host that was asked.
 *
 * A page over https may ask what came over http: a proxy has taken off the TLS. The opposite is a page
 * that anybody on the way may have written.
 */
function isOwnOrigin({ scheme, host, port }: Origin, url: URL): boolean {
  const own = parseOrigin(url.origin);
  if (!own || host !== own.host) return false;
  if (scheme === own.scheme) return port === own.port;
  return scheme === "https" && (port ?? defaultPort(scheme)) === (own.port ?? 443);
}

/** Another site's page asks without an `Origin`, as for an image, and its visitor's cookies may go along. */
function isForeignFetch({ method, headers }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  if (site === null || site === "same-origin" || site === "none") return false;
  const isRead = method === "GET" || method === "HEAD";
  return !(isRead && headers.get("sec-fetch-mode") === "navigate");
}

function isPreflight({ method, headers }: Request): boolean {
  return method === "OPTIONS" && headers.has("access-control-request-method");
}

/** Allows what a browser asks whether its page may send: to send it is the page's right, over a WebSocket, too. */
function allowing({ headers }: Request): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": headers.get("access-control-request-method") ?? "",
      "access-control-allow-headers": headers.get("access-control-request-headers") ?? "",
      "access-control-max-age": String(PREFLIGHT_MAX_AGE_SECONDS),
      vary: "origin, access-control-request-method, access-control-request-headers",
    },
  });
}

function refusal(): Response {
  return toErrorResponse({
    status: 403,
    code: "REQUEST_FORBIDDEN_ORIGIN",
    message: "requests from this origin are not allowed; list it in `allowedOrigins`",
  });
}
