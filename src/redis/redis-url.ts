import { TidingsError } from "../core/errors.ts";

const KINDS = ["sentinel", "cluster"] as const;
const SCHEMES =
  "redis:, rediss:, redis+sentinel:, rediss+sentinel:, redis+cluster:, rediss+cluster:";
const URL_PARTS = /^([a-z+]+):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
/** A host name, an IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
const ADDRESS = /^(\[[\da-f:.%]+\]|[\w.-]+)(?::(\d{1,5}))?$/i;

/** Where a server listens. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** What a Redis URL says. */
export interface RedisUrl {
  readonly kind: "server" | (typeof KINDS)[number];
  readonly isTls: boolean;
  readonly addresses: readonly RedisAddress[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly database: number;
  /** The name under which sentinels know the master. */
  readonly master?: string | undefined;
}

/**
 * Reads `redis[s][+sentinel|+cluster]://[user[:password]@]host[:port][,host[:port]…][/database]`.
 *
 * A list of hosts is no WHATWG URL, so it is read here. User and password are percent-decoded;
 * sentinels need `?master=name`. Ports default to 6379, those of sentinels to 26379.
 *
 * @throws {TidingsError} APP_INVALID_URL saying which part is wrong, never with the user or password.
 */
export function parseRedisUrl(url: string): RedisUrl {
  const [, scheme = "", authority = "", path = "", query = ""] = URL_PARTS.exec(url) ?? [];
  const { kind, isTls } = parseScheme(scheme);
  const at = authority.lastIndexOf("@");
  const addresses = parseAddresses(authority.slice(at + 1), kind === "sentinel" ? 26_379 : 6_379);
  if (kind === "server" && addresses.length > 1) {
    throw invalid("names several hosts, which only +sentinel and +cluster take");
  }
  const database = parseDatabase(path);
  if (kind === "cluster" && database !== 0) throw invalid("names a database: a cluster has only 0");
  const parsed = { kind, isTls, addresses, database, master: parseMaster(kind, query) };
  return at < 0 ? parsed : { ...parsed, ...parseUser(authority.slice(0, at)) };
}

/**
 * Reads a list of URLs, separated by semicolons: servers that stand in for each other, as in Celery.
 *
 * @throws {TidingsError} APP_INVALID_URL when one is wrong, or they are not servers with one database.
 */
export function parseRedisUrls(urls: string): readonly [RedisUrl, ...RedisUrl[]] {
  const [first = "", ...more] = urls.split(/;(?=[a-z+]+:\/\/)/);
  const list = [parseRedisUrl(first), ...more.map(parseRedisUrl)] as const;
  if (list.length > 1 && list.some(({ kind }) => kind !== "server")) {
    throw invalid(
      "a list of URLs takes servers only: sentinels and clusters have lists of their own",
    );
  }
  if (list.some(({ database }) => database !== list[0].database)) {
    throw invalid("the URLs of a list name different databases");
  }
  return list;
}

function parseScheme(scheme: string): Pick<RedisUrl, "kind" | "isTls"> {
  const [base, kind, ...more] = scheme.split("+");
  const known = KINDS.find((name) => name === kind);
  const isKnown = (base === "redis" || base === "rediss") && more.length === 0;
  if (!isKnown || (kind !== undefined && !known)) {
    throw invalid(`expected one of the schemes ${SCHEMES} followed by //`);
  }
  return { kind: known ?? "server", isTls: base === "rediss" };
}

function parseAddresses(list: string, defaultPort: number): readonly RedisAddress[] {
  return list.split(",").map((text) => {
    const [, host, port] = ADDRESS.exec(text) ?? [];
    if (host === undefined) {
      throw invalid(
        text === "" ? "a host is missing" : "a host is not like `name:6379` or `[::1]:6379`",
      );
    }
    const number = port === undefined ? defaultPort : Number(port);
    if (number < 1 || number > 65_535) throw invalid("a port is not between 1 and 65535");
    return { host: host.replace(/^\[|\]$/g, ""), port: number };
  });
}

function parseUser(text: string): Pick<RedisUrl, "username" | "password"> {
  const colon = text.indexOf(":");
  const username = decode(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? "" : decode(text.slice(colon + 1));
  return { username: username || undefined, password: password || undefined };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The error would quote the text, which may be the password.
    throw invalid(
      "the user or password is not percent-encoded (write % as %25, / as %2F, @ as %40)",
    );
  }
}

function parseDatabase(path: string): number {
  if (path === "") return 0;
  if (!/^\d{1,6}$/.test(path)) throw invalid("the database after the host is not a number");
  return Number(path);
}

function parseMaster(kind: RedisUrl["kind"], query: string): string | undefined {
  const parameters = new URLSearchParams(query);
  const names = [...parameters.keys()];
  const master = parameters.get("master") ?? undefined;
  if (kind === "sentinel") {
    if (!master) throw invalid("sentinels need the name of the master: `?master=mymaster`");
    names.splice(names.indexOf("master"), 1);
  }
  // The value is not shown: whoever writes a password here did not mean it to be printed.
  if (names.length > 0) throw invalid(`unknown parameter \`${names[0]}\``);
  return master;
}

function invalid(what: string): TidingsError {
  return new TidingsError("APP_INVALID_URL", `invalid Redis URL: ${what}`);
}
