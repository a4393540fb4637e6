import { readFile } from "node:fs/promises";

import { InvalidArgumentError, Option } from "commander";

import { TidingsError } from "../core/errors.ts";
import { LIMIT_NAMES, type LimitName, type ServerOptions } from "../server/index.ts";
import { integer } from "./options.ts";

type Limits = Readonly<Partial<Record<LimitName, number>>>;

/** What the command line says of how to listen. */
export interface ListenOptions {
  readonly port: number;
  readonly host: string;
  readonly unixSocket?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly trustedProxies?: ServerOptions["trustedProxies"];
  readonly proxyHeaders?: ServerOptions["proxyHeaders"];
  readonly limit: Limits;
  readonly health: boolean;
  readonly drainDelay: number;
  readonly drainSpread: number;
  readonly stopTimeout: number;
}

/** The options of a command that listens, beside those for the port and the host. */
export function listenOptions(): readonly Option[] {
  return [
    new Option("--unix-socket <path>", "listen on this path instead of a port"),
    new Option("--tls-cert <file>", "serve HTTPS and HTTP/2 with this certificate (PEM)").env(
      "TLS_CERT",
    ),
    new Option("--tls-key <file>", "the private key of the certificate (PEM)").env("TLS_KEY"),
    new Option(
      "--trusted-proxies <list>",
      "addresses and subnets of proxies, separated by commas, `loopback`, or `all`",
    )
      .env("TRUSTED_PROXIES")
      .argParser(parseProxies),
    new Option("--proxy-headers <kind>", "the headers that the proxies write")
      .choices(["x-forwarded", "forwarded"])
      .default("x-forwarded"),
    new Option("--limit <name=value>", "change a limit (maxConnections=500); may be repeated")
      .default({}, "see docs/reference/limits.md")
      .argParser(addLimit),
    new Option("--no-health", "do not answer /healthz and /readyz"),
    new Option("--drain-delay <seconds>", "how long a stop goes on taking requests, not ready")
      .default(0)
      .argParser(integer(0, 3_600)),
    new Option("--drain-spread <seconds>", "over how long a stop tells clients to come back")
      .default(5)
      .argParser(integer(0, 3_600)),
  ];
}

/** The same options as arguments for a `serve` in another process. */
export function toListenArguments(options: ListenOptions): readonly string[] {
  const { unixSocket, tlsCert, tlsKey, trustedProxies, limit, health } = options;
  const given = { "--unix-socket": unixSocket, "--tls-cert": tlsCert, "--tls-key": tlsKey };
  const proxies = trustedProxies === true ? "all" : [trustedProxies || []].flat().join(",");
  return [
    "--port",
    String(options.port),
    "--host",
    options.host,
    ...Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
    ...(proxies === "" ? [] : ["--trusted-proxies", proxies]),
    "--proxy-headers",
    options.proxyHeaders ?? "x-forwarded",
    ...Object.entries(limit).flatMap(([name, value]) => [
      "--limit",
      `${name}=${value === Infinity ? "none" : value}`,
    ]),
    ...(health ? [] : ["--no-health"]),
    "--drain-delay",
    String(options.drainDelay),
    "--drain-spread",
    String(options.drainSpread),
  ];
}

/**
 * What the server is told, with the certificate read.
 *
 * A spread that would leave no time for what it waits for is cut to half of what is left of the stop.
 *
 * @throws {TidingsError} OPTION_INVALID for a certificate without its key, or that cannot be read.
 */
export async function toServerOptions(options: ListenOptions): Promise<ServerOptions> {
  const { port, host, unixSocket, trustedProxies, proxyHeaders, health, stopTimeout } = options;
  const drainDelay = Math.min(options.drainDelay, stopTimeout / 2);
  const drainSpread = Math.min(options.drainSpread, (stopTimeout - drainDelay) / 2);
  return {
    port,
    host,
    unixSocket,
    trustedProxies,
    proxyHeaders,
    limits: options.limit,
    health: health ? undefined : false,
    drainDelayMs: drainDelay * 1_000,
    drainSpreadMs: drainSpread * 1_000,
    tls: await readTls(options),
  };
}

/** Reads the files of the certificate, if there is one. */
export async function readTls({ tlsCert, tlsKey }: ListenOptions): Promise<ServerOptions["tls"]> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new TidingsError("OPTION_INVALID", "expected both --tls-cert and --tls-key, got one");
  }
  try {
    const [cert, key] = await Promise.all([readFile(tlsCert), readFile(tlsKey)]);
    return { cert, key };
  } catch (thrown) {
    const message = `cannot read ${tlsCert} and ${tlsKey}; check their paths and permissions`;
    throw new TidingsError("OPTION_INVALID", message, { cause: thrown });
  }
}

function addLimit(text: string, limits: Limits): Limits {
  const [name, value = ""] = text.split("=", 2);
  const known = LIMIT_NAMES.find((limit) => limit === name);
  if (!known) throw new InvalidArgumentError(`Expected one of ${LIMIT_NAMES.join(", ")}.`);
  if (value === "none") return { ...limits, [known]: Infinity };
  if (/^\d{1,15}$/.test(value)) return { ...limits, [known]: Number(value) };
  throw new InvalidArgumentError("Expected a whole number after the equals sign, or `none`.");
}

function parseProxies(text: string): ServerOptions["trustedProxies"] {
  if (text === "all") return true;
  const names = text.split(",").map((name) => name.trim());
  if (names.every(Boolean)) return names;
  throw new InvalidArgumentError("Expected addresses separated by commas.");
}
