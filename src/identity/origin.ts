/** Where a page comes from, in the form in which browsers compare origins. */
export interface Origin {
  /** Without the colon. */
  readonly scheme: string;
  /** In lower case, in Punycode, an IPv6 address in brackets. */
  readonly host: string;
  /** `undefined` for the scheme's own. */
  readonly port: number | undefined;
}

const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[^\s/?#@:[\]\\*]+)(?::(\d{1,5}))?$/i;

/**
 * Parses the value of an `Origin` header.
 *
 * `undefined` for `null`, an empty one, and whatever is not a scheme, a host and maybe a port.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6454#section-6.2
 */
export function parseOrigin(text: string): Origin | undefined {
  const [, scheme = "", host = "", port] = ORIGIN.exec(text) ?? [];
  const canonical = host === "" ? undefined : canonicalHost(host);
  if (canonical === undefined) return undefined;
  return toOrigin(scheme.toLowerCase(), canonical, port);
}

/** The form of a host that browsers send; `undefined` when it cannot be one. */
export function canonicalHost(host: string): string | undefined {
  const url = URL.parse(`http://${host}`);
  return url?.host === "" || url?.port !== "" ? undefined : url.host;
}

function toOrigin(scheme: string, host: string, port: string | undefined): Origin | undefined {
  const number = port === undefined ? undefined : Number(port);
  if (number !== undefined && (number < 1 || number > 65_535)) return undefined;
  return { scheme, host, port: number === defaultPort(scheme) ? undefined : number };
}

/** The port that a scheme has by itself, if it is one of ours. */
export function defaultPort(scheme: string): number | undefined {
  if (scheme === "https" || scheme === "wss") return 443;
  return scheme === "http" || scheme === "ws" ? 80 : undefined;
}
