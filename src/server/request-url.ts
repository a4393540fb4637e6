import type { NodeMessage } from "./node-message.ts";
import type { RequestOrigin } from "./trusted-proxies.ts";

/** The URL that was asked for, and its path. */
export interface RequestUrl {
  readonly href: string;
  readonly pathname: string;
}

/** A target that no URL parser would change: no dot segment, nothing to be escaped. Almost all are. */
const PLAIN_TARGET = /^((?:\/(?!\.|%2e)[\w\-.~!$&'()*+,;=:@%]*)+)(?:\?[\w\-.~!$&()*+,;=:@%/?]*)?$/i;
/** A name or an address with an optional port, and nothing that would end it in a URL. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** The URL of a request, as the client has it; `undefined` when it is malformed. */
export function requestUrl(incoming: NodeMessage, origin: RequestOrigin): RequestUrl | undefined {
  const { url: target = "/", headers, socket } = incoming;
  const scheme = origin.scheme ?? ("encrypted" in socket && socket.encrypted ? "https" : "http");
  const host = origin.host ?? headers.host ?? authorityOf(headers) ?? "localhost";
  if (!HOST.test(host)) return undefined;
  const pathname = PLAIN_TARGET.exec(target)?.[1];
  if (pathname === undefined) return parse(target, `${scheme}://${host}`, origin.host);
  const href = `${scheme}://${host}${target}`;
  return URL.canParse(href) ? { href, pathname } : undefined;
}

/** HTTP/2 has it instead of `Host`. */
function authorityOf(headers: NodeMessage["headers"]): string | undefined {
  const authority = headers[":authority"];
  return typeof authority === "string" ? authority : undefined;
}

/** Clients that take us for a proxy send the whole URL (RFC 9112 §3.2.2). */
function parse(target: string, base: string, host: string | undefined): URL | undefined {
  if (target.startsWith("/")) return URL.parse(base + target) ?? undefined;
  const url = URL.parse(target);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  return (
    URL.parse(`${host === undefined ? url.origin : base}${url.pathname}${url.search}`) ?? undefined
  );
}
