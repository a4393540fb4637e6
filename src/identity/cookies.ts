import { assertKnownOptions, invalidOption, optionNames } from "../core/options.ts";

/** What a browser is told about a cookie (RFC 6265 §4.1.2). */
export interface CookieAttributes {
  /** The host whose subdomains get it too; without one, only the host that set it does. */
  readonly domain?: string | undefined;
  readonly path?: string | undefined;
  /** How long the browser keeps it; 0 takes it away, without one it goes with the browser. */
  readonly maxAgeMs?: number | undefined;
  /** Kept from scripts. @default true */
  readonly httpOnly?: boolean | undefined;
  /** Sent over https only. @default false */
  readonly secure?: boolean | undefined;
  /** Whether it goes along with what other sites' pages ask for. @default "Lax" */
  readonly sameSite?: "Strict" | "Lax" | "None" | undefined;
  /** Kept apart for each site that embeds ours. @default false */
  readonly partitioned?: boolean | undefined;
}

/** What browsers take: name, value and attributes together (RFC 6265 §6.1). */
export const MAX_COOKIE_BYTES = 4_096;
/** A longer `Cookie` header is not read; Node refuses one before it comes here. */
const MAX_HEADER_LENGTH = 16_384;

const NAMES = optionNames<CookieAttributes>({
  domain: true,
  path: true,
  maxAgeMs: true,
  httpOnly: true,
  secure: true,
  sameSite: true,
  partitioned: true,
});
const SAME_SITE: readonly unknown[] = ["Strict", "Lax", "None", undefined];
const COOKIE_NAME = /^[\w!#$%&'*+\-.^`|~]+$/;
/** `cookie-octet` of RFC 6265 §4.1.1. */
const COOKIE_VALUE = /^[!#-+\--:<-[\]-~]*$/;
/** `av-octet`: no control character, no semicolon. */
const ATTRIBUTE = /^[ -:<-~]*$/;

/**
 * The cookies of a `Cookie` header: for each name its values, in the browser's order.
 *
 * One name may come several times, of different paths and domains; the most specific path is first.
 * Double quotes around a value are taken off, nothing else is decoded. What is no pair is passed over,
 * and a header of more than 16,384 characters is taken for an empty one.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6265#section-5.4
 */
export function parseCookies(header: string): ReadonlyMap<string, readonly string[]> {
  const cookies = new Map<string, string[]>();
  if (header.length > MAX_HEADER_LENGTH) return cookies;
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    const name = trim(pair.slice(0, Math.max(equals, 0)));
    if (!COOKIE_NAME.test(name)) continue;
    const value = unquote(trim(pair.slice(equals + 1)));
    const values = cookies.get(name);
    if (values) values.push(value);
    else cookies.set(name, [value]);
  }
  return cookies;
}

/** The values of one cookie of a request, in the browser's order. */
export function readCookie(request: Request, name: string): readonly string[] {
  return parseCookies(request.headers.get("cookie") ?? "").get(name) ?? [];
}

/**
 * The value of a `Set-Cookie` header.
 *
 * Keeps the promises of prefixes: `__Secure-` needs `secure`, `__Host-` needs `secure`, the path `/`
 * and no domain. Nothing is encoded: a value has no spaces, quotes, commas, semicolons or backslashes.
 *
 * @throws {TidingsError} OPTION_INVALID for what browsers would refuse or misread, and for a cookie of
 *   more than 4,096 bytes. The value is never in the message.
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.3
 */
export function serializeCookie(
  name: string,
  value: string,
  attributes: CookieAttributes = {},
): string {
  assertKnownOptions("`serializeCookie`", attributes, NAMES);
  assertCookie(name, attributes);
  if (!COOKIE_VALUE.test(value)) {
    throw invalidOption("value", "one without spaces, quotes, commas and semicolons", "another");
  }
  const cookie = [`${name}=${value}`, ...formatAttributes(attributes)].join("; ");
  if (cookie.length <= MAX_COOKIE_BYTES) return cookie;
  throw invalidOption("value", `a cookie of ${MAX_COOKIE_BYTES} bytes`, `${cookie.length} bytes`);
}

/** Throws OPTION_INVALID for a cookie that browsers would refuse, whatever its value. */
export function assertCookie(name: string, attributes: CookieAttributes): void {
  const { domain, path, secure, sameSite, partitioned } = attributes;
  if (!COOKIE_NAME.test(name)) throw invalidOption("name", "a cookie name", name);
  if (domain !== undefined && !/^\.?[\w-]+(\.[\w-]+)*$/.test(domain)) {
    throw invalidOption("domain", "a host name", domain);
  }
  if (path !== undefined && !(path.startsWith("/") && ATTRIBUTE.test(path))) {
    throw invalidOption("path", "a path that starts with a slash", path);
  }
  if (!SAME_SITE.includes(sameSite)) {
    throw invalidOption("sameSite", "one of Strict, Lax, None", sameSite);
  }
  if (!secure && (sameSite === "None" || partitioned || /^__(Secure|Host)-/i.test(name))) {
    const why = "true for SameSite=None, Partitioned and the prefixes __Secure- and __Host-";
    throw invalidOption("secure", why, secure);
  }
  if (/^__Host-/i.test(name) && (path !== "/" || domain !== undefined)) {
    throw invalidOption("name", "one without __Host-, for a cookie of a path or a domain", name);
  }
}

function formatAttributes({
  domain,
  path,
  maxAgeMs,
  httpOnly = true,
  secure = false,
  sameSite = "Lax",
  partitioned = false,
}: CookieAttributes): readonly string[] {
  return [
    ...(maxAgeMs === undefined ? [] : [`Max-Age=${Math.floor(maxAgeMs / 1_000)}`]),
    ...(domain === undefined ? [] : [`Domain=${domain}`]),
    ...(path === undefined ? [] : [`Path=${path}`]),
    ...(httpOnly ? ["HttpOnly"] : []),
    ...(secure ? ["Secure"] : []),
    `SameSite=${sameSite}`,
    ...(partitioned ? ["Partitioned"] : []),
  ];
}

/**
 * Takes off spaces and tabs, and no other white space.
 *
 * Browsers let any site of the domain set a cookie `\u00a0__Host-a`, since its name has no prefix: it must
 * not be taken for `__Host-a`.
 */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text, start)) start += 1;
  while (end > start && isBlank(text, end - 1)) end -= 1;
  return text.slice(start, end);
}

function isBlank(text: string, index: number): boolean {
  return text[index] === " " || text[index] === "\t";
}

function unquote(value: string): string {
  return /^".*"$/.test(value) ? value.slice(1, -1) : value;
}
