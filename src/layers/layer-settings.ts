import { TidingsError } from "../core/errors.ts";
import { assertKnownOptions, invalidOption } from "../core/options.ts";
import type { IoredisClient, RedisOptions } from "../redis/index.ts";
import type { LayerOptions } from "./layer.ts";
import type { SerializerFormat } from "./wire/codec.ts";

/** Which layer, and its options. */
export interface LayerSettings extends LayerOptions, RedisOptions {
  /**
   * `memory:`, `redis://…` (pub/sub) or `redis+queue://…`; several URLs share the load.
   *
   * With `client`, only the scheme counts. @default "memory:", with `client` "redis:"
   */
  readonly url?: string | readonly string[] | undefined;
  /** An ioredis client, or cluster, whose settings are used instead of the URL. It is left open. */
  readonly client?: IoredisClient | undefined;
  /** What every name in Redis starts with. @default "asgi" */
  readonly prefix?: string | undefined;
  /** How messages are written. @default "msgpack" */
  readonly serializerFormat?: SerializerFormat | undefined;
  /** Encrypts with the first key, decrypts with each. @default none */
  readonly symmetricEncryptionKeys?: readonly (string | Uint8Array)[] | undefined;
  /** `redis+queue:` only; see `RedisQueueLayerOptions`. @default 12 */
  readonly randomPrefixLength?: number | undefined;
  /** `redis+queue:` only; see `RedisQueueLayerOptions`. @default 5_000 */
  readonly reclaimAfterMs?: number | undefined;
}

/** Settings whose URLs have been taken apart. */
export interface ParsedLayerSettings extends Omit<LayerSettings, "url"> {
  readonly driver: "memory" | "redis" | "redis+queue";
  /** URLs that the Redis folder understands, without the options of the layer. */
  readonly urls: readonly string[];
}

const NUMBERS = [
  "capacity",
  "expiryMs",
  "groupExpiryMs",
  "commandTimeoutMs",
  "connectTimeoutMs",
  "pingIntervalMs",
  "maxPendingCommands",
  "maxPendingBytes",
  "randomPrefixLength",
  "reclaimAfterMs",
] as const;
const TEXTS = ["prefix", "serializerFormat"] as const;
/** What a URL may say. Secrets and lists have their place in the settings. */
const IN_URL: readonly string[] = [...NUMBERS, ...TEXTS];
const KNOWN: readonly string[] = [
  "url",
  "client",
  ...IN_URL,
  "channelCapacity",
  "symmetricEncryptionKeys",
  "tls",
  "sentinelUsername",
  "sentinelPassword",
  "backoff",
];
/** The options that each driver knows. */
const KNOWN_TO: Readonly<Record<ParsedLayerSettings["driver"], ReadonlySet<string>>> = {
  memory: new Set(["url", "capacity", "channelCapacity", "expiryMs", "groupExpiryMs"]),
  redis: new Set(KNOWN).difference(new Set(["randomPrefixLength", "reclaimAfterMs"])),
  "redis+queue": new Set(KNOWN),
};
const SCHEMES = "memory:, redis:, rediss:, and redis with +queue, +sentinel or +cluster";

/**
 * Takes settings apart, and merges the options that stand in URLs.
 *
 * @throws {TidingsError} APP_INVALID_URL for a URL, OPTION_INVALID for an option: unknown, or said
 *   twice and differently. Never with a URL, which may hold a password.
 */
export function parseLayerSettings(settings: LayerSettings): ParsedLayerSettings {
  const { url = settings.client ? "redis:" : "memory:", ...options } = settings;
  const urls = typeof url === "string" ? [url] : url;
  const [first, ...others] = urls.map(parseLayerUrl);
  if (!first) throw invalidOption("url", "a URL or a list of URLs", "an empty list");
  const merged: Record<string, unknown> = definedOf(options);
  for (const { driver, query } of [first, ...others]) {
    if (driver !== first.driver) throw invalidUrl("all hosts of a layer must have one scheme");
    mergeQuery(merged, query);
  }
  assertKnownOptions(`a ${first.driver}: layer`, merged, KNOWN_TO[first.driver]);
  return { ...merged, driver: first.driver, urls: [first, ...others].map(({ rest }) => rest) };
}

interface LayerUrl {
  readonly driver: ParsedLayerSettings["driver"];
  readonly rest: string;
  readonly query: URLSearchParams;
}

function parseLayerUrl(url: string): LayerUrl {
  const [, scheme = "", place = "", text = ""] = /^([a-z+]+):([^?]*)\??(.*)$/is.exec(url) ?? [];
  const [base = "", ...suffixes] = scheme.toLowerCase().split("+");
  const query = new URLSearchParams(text);
  if (base === "memory" && suffixes.length === 0) return { driver: "memory", rest: "", query };
  if (base !== "redis" && base !== "rediss") {
    throw invalidUrl(`expected one of the schemes ${SCHEMES}, got \`${scheme || "none"}\``);
  }
  const kinds = suffixes.filter((suffix) => suffix !== "queue");
  const master = query.get("master");
  query.delete("master");
  const rest = `${[base, ...kinds].join("+")}:${place}`;
  return {
    driver: kinds.length < suffixes.length ? "redis+queue" : "redis",
    rest: master === null ? rest : `${rest}?master=${encodeURIComponent(master)}`,
    query,
  };
}

function mergeQuery(options: Record<string, unknown>, query: URLSearchParams): void {
  const numbers: readonly string[] = NUMBERS;
  for (const [name, text] of query) {
    if (!IN_URL.includes(name)) {
      throw invalidUrl(`unknown layer option \`${name}\`; known are ${IN_URL.join(", ")}`);
    }
    const value = numbers.includes(name) ? toNumber(name, text) : text;
    const other = options[name];
    if (other !== undefined && other !== value) {
      throw new TidingsError("OPTION_INVALID", `\`${name}\` is given twice, with different values`);
    }
    options[name] = value;
  }
}

function toNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw invalidOption(name, "a number", text);
  return value;
}

function definedOf(options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function invalidUrl(what: string): TidingsError {
  return new TidingsError("APP_INVALID_URL", `invalid layer URL: ${what}`);
}
