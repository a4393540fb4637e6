import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIP } from "node:net";

import { assertTexts, invalidOption } from "../core/options.ts";
import { parseForwarded } from "./forwarded.ts";

/**
 * Whose word counts for where a request comes from.
 *
 * A list of addresses and subnets (`"10.0.0.0/8"`, `"::1"`), with `"loopback"` for this machine's own
 * and for Unix sockets. `true` believes everybody: only where nobody but proxies can connect.
 */
export type TrustedProxies = boolean | "loopback" | readonly string[];

/** Which headers the proxies write. The others are ignored, since a client can write them too. */
export type ProxyHeaders = "x-forwarded" | "forwarded";

/** What a {@link ProxyTrust} is made from. */
export interface ProxyOptions {
  /** The proxies whose word for a client's address, scheme and host counts. @default false */
  readonly trustedProxies?: TrustedProxies | undefined;
  /** The headers that they write: `X-Forwarded-*`, or `Forwarded` (RFC 7239). @default "x-forwarded" */
  readonly proxyHeaders?: ProxyHeaders | undefined;
  /** Whether clients come through a Unix socket, which has no address. @default false */
  readonly isUnixSocket?: boolean | undefined;
}

/** Where a request comes from, and by which name it was asked. */
export interface RequestOrigin {
  /** The client's address; empty when nobody says it. */
  readonly address: string;
  /** What the client's URL starts with, if a proxy says it. */
  readonly scheme: "http" | "https" | undefined;
  readonly host: string | undefined;
}

/** The other end of a socket. */
interface Peer {
  readonly remoteAddress?: string | undefined;
}

/** The way from the client to us, as the proxies tell it. */
interface Hops {
  /** From the client's side to ours; what is no address is `undefined`. */
  readonly addresses: readonly (string | undefined)[];
  readonly schemes: readonly string[];
  readonly hosts: readonly string[];
}

/** A name or an address with an optional port, and nothing that would end it in a URL. */
const HOST = /^(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d{1,5})?$/;

/** Reads from a proxy's headers where a request comes from, as far as the proxies are trusted. */
export class ProxyTrust {
  readonly #list: BlockList | "everybody" | undefined;
  readonly #trustsUnix: boolean;
  readonly #headers: ProxyHeaders;

  /** @throws {TidingsError} OPTION_INVALID for what is neither an address nor a subnet. */
  constructor({
    trustedProxies: trusted = false,
    proxyHeaders: headers = "x-forwarded",
    isUnixSocket = false,
  }: ProxyOptions = {}) {
    if (headers !== "x-forwarded" && headers !== "forwarded") {
      throw invalidOption("proxyHeaders", '"x-forwarded" or "forwarded"', headers);
    }
    const names = trusted === "loopback" ? ["loopback"] : trusted;
    if (typeof names !== "boolean") assertTexts("trustedProxies", names);
    this.#headers = headers;
    this.#list = typeof names === "boolean" ? toEverybody(names) : toBlockList(names);
    const isLocal = names === true || (names !== false && names.includes("loopback"));
    this.#trustsUnix = isUnixSocket && isLocal;
  }

  /** Where a request of this socket comes from. */
  read(headers: IncomingHttpHeaders, socket: Peer): RequestOrigin {
    return this.#list ? this.originOf(headers, socket.remoteAddress) : new DirectOrigin(socket);
  }

  /**
   * Where a request comes from; `peer` is the address at the other end of its socket.
   *
   * The address is the right-most one that no trusted proxy has: each proxy adds the address that it
   * sees at the right, so what a client wrote itself stands to the left of it and is never read.
   */
  originOf(headers: IncomingHttpHeaders, peer: string | undefined): RequestOrigin {
    const own = toPeerAddress(peer);
    if (!this.#list || !this.#trusts(own)) {
      return { address: own, scheme: undefined, host: undefined };
    }
    const hops = this.#headers === "forwarded" ? readForwarded(headers) : readXForwarded(headers);
    // The client talked to the left-most proxy that is trusted; the peer is the first of them.
    let trusted = 1;
    let address = own;
    for (const hop of hops.addresses.toReversed()) {
      address = hop ?? "";
      if (hop === undefined || !this.#trusts(hop)) break;
      trusted += 1;
    }
    const scheme = pick(hops.schemes, trusted)?.toLowerCase();
    const host = pick(hops.hosts, trusted);
    return {
      address,
      scheme: scheme === "https" || scheme === "http" ? scheme : undefined,
      host: host !== undefined && HOST.test(host) ? host : undefined,
    };
  }

  #trusts(address: string): boolean {
    if (address === "") return this.#trustsUnix;
    if (this.#list === "everybody") return true;
    return this.#list?.check(address, isIP(address) === 6 ? "ipv6" : "ipv4") ?? false;
  }
}

/** What the proxy that is `trusted` steps away wrote; most overwrite and leave a single value. */
function pick(values: readonly string[], trusted: number): string | undefined {
  return values[Math.max(0, values.length - trusted)];
}

function readXForwarded(headers: IncomingHttpHeaders): Hops {
  return {
    addresses: split(headers["x-forwarded-for"]).map(toAddress),
    schemes: split(headers["x-forwarded-proto"]),
    hosts: split(headers["x-forwarded-host"]),
  };
}

function readForwarded({ forwarded }: IncomingHttpHeaders): Hops {
  const elements = parseForwarded(forwarded ?? "");
  return {
    addresses: elements.map((element) => toAddress(element.get("for") ?? "")),
    // One for each proxy: where ours wrote none, that of its neighbour, or of the client, is not taken.
    schemes: elements.map((element) => element.get("proto") ?? ""),
    hosts: elements.map((element) => element.get("host") ?? ""),
  };
}

function split(header: string | string[] | undefined): readonly string[] {
  if (header === undefined) return [];
  const text = typeof header === "string" ? header : header.join(",");
  return text.split(",").map((part) => part.trim());
}

/** A client that talks to us itself. Its address costs a system call: it is for those who ask. */
class DirectOrigin implements RequestOrigin {
  readonly scheme = undefined;
  readonly host = undefined;
  readonly #socket: Peer;

  constructor(socket: Peer) {
    this.#socket = socket;
  }

  get address(): string {
    return toPeerAddress(this.#socket.remoteAddress);
  }
}

/** As the kernel writes it, almost always an IPv4 address that needs nothing done. */
function toPeerAddress(peer = ""): string {
  return isIP(peer) === 4 ? peer : (toAddress(peer) ?? "");
}

/** An address without its port, brackets and zone; IPv4 that was mapped into IPv6 is IPv4 again. */
function toAddress(text: string): string | undefined {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1];
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1];
  const address = (bracketed ?? withPort ?? text).replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return isIP(mapped ?? address) ? (mapped ?? address) : undefined;
}

function toEverybody(isTrusted: boolean): "everybody" | undefined {
  return isTrusted ? "everybody" : undefined;
}

function toBlockList(names: readonly string[]): BlockList | undefined {
  if (names.length === 0) return undefined;
  const list = new BlockList();
  for (const name of names) {
    if (name === "loopback") {
      list.addSubnet("127.0.0.0", 8, "ipv4");
      list.addAddress("::1", "ipv6");
    } else addRange(list, name);
  }
  return list;
}

function addRange(list: BlockList, name: string): void {
  const [address = "", prefix, ...more] = name.split("/");
  const version = isIP(address);
  const bits = Number(prefix);
  const isPrefix = prefix !== undefined && /^\d{1,3}$/.test(prefix);
  const isRange = isPrefix && bits <= (version === 6 ? 128 : 32);
  if (version === 0 || more.length > 0 || (prefix !== undefined && !isRange)) {
    throw invalidOption(
      "trustedProxies",
      'addresses, subnets such as "10.0.0.0/8", or "loopback"',
      name,
    );
  }
  const family = version === 6 ? "ipv6" : "ipv4";
  if (prefix === undefined) list.addAddress(address, family);
  else list.addSubnet(address, bits, family);
}
