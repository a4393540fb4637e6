import { frameHeaderLength } from "../protocol/index.ts";
import type { Traffic, TrafficListener, TrafficTotals } from "./traffic.ts";

/** The fixed part of a handshake that a browser sends and does not show (RFC 6455 §4.1). */
const HANDSHAKE_REQUEST_HEAD =
  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: 0123456789012345678901==\r\n";
const HANDSHAKE_ANSWER_HEAD =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Accept: 012345678901234567890123456=\r\n\r\n";
/** What a client's frame is masked with (RFC 6455 §5.3). */
const MASK_LENGTH = 4;
const encoder = new TextEncoder();

/**
 * Counts requests and bytes, and tells of every change.
 *
 * Counts what a script can see, written as HTTP/1.1 writes it: request lines, headers that we set,
 * headers that we are shown, bodies after decompression, and WebSocket frames. What the browser adds
 * by itself (cookies, its name, TLS) and what HTTP/2 saves are not known to a script.
 */
export class TrafficCounter implements Traffic {
  readonly #onTraffic: TrafficListener;
  #totals: TrafficTotals = { requests: 0, bytesReceived: 0, bytesSent: 0 };

  constructor(onTraffic: TrafficListener) {
    this.#onTraffic = onTraffic;
  }

  request(
    url: URL,
    headers: Readonly<Record<string, string>>,
    { method, body }: RequestInit = {},
  ): void {
    const head = requestLine(url, method) + headLength(Object.entries(headers));
    this.#add({ requests: 1, sent: head + (typeof body === "string" ? lengthOf(body) : 0) });
  }

  response({ status, statusText, headers }: Response): void {
    const statusLine = `HTTP/1.1 ${status} ${statusText}\r\n`.length;
    this.#add({ received: statusLine + headLength(headers) });
  }

  body(bytes: Uint8Array): void {
    this.#add({ received: bytes.length });
  }

  handshake(url: URL, protocols: readonly string[]): void {
    const offer = protocols.length === 0 ? 0 : offerLength(protocols.join(", "));
    const sent = requestLine(url) + HANDSHAKE_REQUEST_HEAD.length + offer + "\r\n".length;
    this.#add({ requests: 1, sent });
  }

  opened({ protocol }: WebSocket): void {
    const choice = protocol === "" ? 0 : offerLength(protocol);
    this.#add({ received: HANDSHAKE_ANSWER_HEAD.length + choice });
  }

  frameReceived(data: string | ArrayBuffer): void {
    const length = lengthOf(data);
    this.#add({ received: frameHeaderLength(length) + length });
  }

  frameSent(data: string | Uint8Array): void {
    const length = lengthOf(data);
    this.#add({ sent: frameHeaderLength(length) + MASK_LENGTH + length });
  }

  #add({ requests = 0, received = 0, sent = 0 }: Costs): void {
    const before = this.#totals;
    this.#totals = {
      requests: before.requests + requests,
      bytesReceived: before.bytesReceived + received,
      bytesSent: before.bytesSent + sent,
    };
    this.#onTraffic(this.#totals);
  }
}

interface Costs {
  readonly requests?: number;
  readonly received?: number;
  readonly sent?: number;
}

function lengthOf(data: string | ArrayBuffer | Uint8Array): number {
  return typeof data === "string" ? encoder.encode(data).length : data.byteLength;
}

function requestLine({ host, pathname, search }: URL, method = "GET"): number {
  return `${method} ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n`.length;
}

function offerLength(protocols: string): number {
  return `Sec-WebSocket-Protocol: ${protocols}\r\n`.length;
}

/** Header lines and the blank line after them. */
function headLength(headers: Iterable<readonly [string, string]>): number {
  let length = "\r\n".length;
  for (const [name, value] of headers) length += `${name}: ${value}\r\n`.length;
  return length;
}
