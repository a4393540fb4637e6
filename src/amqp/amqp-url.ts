import { TidingsError } from "../core/errors.ts";

/** What an AMQP URL says. */
export interface AmqpUrl {
  readonly isTls: boolean;
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
}

/**
 * Reads `amqp[s]://[user[:password]@]host[:port][/vhost]`, or several of them, separated by semicolons.
 *
 * Several stand in for each other: the nodes of a cluster. The virtual host is percent-decoded; without
 * one, or as `//`, it is `/`, as in Celery.
 *
 * @throws {TidingsError} APP_INVALID_URL saying which part is wrong, never with the user or password.
 */
export function parseAmqpUrls(urls: string): readonly [AmqpUrl, ...AmqpUrl[]] {
  const [first = "", ...more] = urls.split(/;(?=[a-z]+:\/\/)/);
  return [parseAmqpUrl(first), ...more.map(parseAmqpUrl)];
}

function parseAmqpUrl(text: string): AmqpUrl {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "amqp:" && url.protocol !== "amqps:")) {
    throw invalid("expected `amqp://host` or `amqps://host`");
  }
  if (url.hostname === "") throw invalid("a host is missing");
  if (url.search !== "") throw invalid("parameters are not known here");
  const isTls = url.protocol === "amqps:";
  return {
    isTls,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? defaultPort(isTls) : Number(url.port),
    username: decode(url.username) || "guest",
    password: decode(url.password) || "guest",
    vhost: decode(url.pathname.slice(1)) || "/",
  };
}

function defaultPort(isTls: boolean): number {
  return isTls ? 5671 : 5672;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The error would quote the text, which may be the password.
    throw invalid("a part is not percent-encoded (write % as %25, / as %2F, @ as %40)");
  }
}

function invalid(what: string): TidingsError {
  return new TidingsError("APP_INVALID_URL", `invalid AMQP URL: ${what}`);
}
