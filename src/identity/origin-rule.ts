import { invalidOption } from "../core/options.ts";
import { canonicalHost, defaultPort, type Origin } from "./origin.ts";

/** Whether a rule takes an origin. */
export type OriginRule = (origin: Origin) => boolean;

const RULE =
  /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\*\.)?(\[[0-9a-f:.]+\]|[^\s/?#@:[\]\\*]+)(?::(\d{1,5}|\*))?$/i;

/**
 * Parses a rule for origins: `[scheme://][*.]host[:port]`.
 *
 * - `https://example.com`: that scheme, host and port (the scheme's own).
 * - `example.com`: http or https, on their own ports; `example.com:8000`: http or https, on that port.
 * - `https://*.example.com`: every subdomain, however deep, but not the domain itself.
 * - `http://localhost:*`: every port.
 *
 * @throws {TidingsError} OPTION_INVALID for everything else, with what to write instead.
 */
export function parseOriginRule(text: string): OriginRule {
  const [matched, scheme, wildcard, name = "", portText] = RULE.exec(text) ?? [];
  const host = matched === undefined ? undefined : canonicalHost(name);
  const port = portText === "*" ? "*" : portText && Number(portText);
  if (host === undefined || /^\.|^null$/.test(host) || port === 0 || Number(port) > 65_535) {
    throw invalidRule(text);
  }
  if (wildcard && !/\.|^localhost$/.test(host)) {
    throw invalidOption("origins", "a wildcard below a domain, as `*.example.com`", text);
  }
  const schemes = scheme === undefined ? ["http", "https"] : [scheme.toLowerCase()];
  return (origin) =>
    schemes.includes(origin.scheme) &&
    (wildcard ? origin.host.endsWith(`.${host}`) : origin.host === host) &&
    (port === "*" || (port || defaultPort(origin.scheme)) === portOf(origin));
}

function portOf({ scheme, port }: Origin): number | undefined {
  return port ?? defaultPort(scheme);
}

function invalidRule(text: string): Error {
  const advice = adviceFor(text);
  return invalidOption("origins", `rules like \`https://example.com:8443\`${advice}`, text);
}

function adviceFor(text: string): string {
  if (/^([a-z][a-z0-9+.-]*:\/\/)?\./i.test(text)) return " (for subdomains, `*.example.com`)";
  if (text === "null") return " (sandboxed pages of any site are `null`)";
  if (/^([a-z][a-z0-9+.-]*:\/\/)?[^/]+\//i.test(text)) return " (an origin has no path)";
  return "";
}
