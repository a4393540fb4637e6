import { validateHeaderName, validateHeaderValue, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import { WebSocketServer, type WebSocket } from "ws";

import { invalidOption } from "../core/options.ts";
import type { OpenConnections } from "./open-connections.ts";
import { Outbox } from "./outbox.ts";

/** A request to speak WebSocket that has not been answered yet. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** How to answer an upgrade with yes. */
export interface HandshakeOptions {
  readonly subprotocol?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What happens on an open WebSocket: text arrives as a string, a binary message as bytes. */
export interface WebSocketListener {
  onMessage(data: string | Uint8Array): void;
  onClose(code: number, reason: string): void;
}

/** What limits a WebSocket. */
export interface WebSocketLimits {
  /** The largest message a client may send; a larger one closes with 1009. */
  readonly maxMessageBytes: number;
  /** How many bytes may wait for a slow client; beyond it, close 1013. */
  readonly maxOutboxBytes: number;
}

const SLOW_CONSUMER = 1013;
const GOING_AWAY = 1001;
/** What a close frame can carry beside its code (RFC 6455 §5.5: 125 bytes in all). */
const MAX_REASON_BYTES = 123;
/** After our close frame, a client has this long to answer before the socket is cut. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Completes handshakes and carries what follows. One for each server. */
export class WebSocketTransport {
  readonly connections: OpenConnections;
  readonly #limits: WebSocketLimits;
  readonly #server: WebSocketServer;
  // `handleUpgrade` asks for these synchronously, in the middle of the handshake.
  #handshake: HandshakeOptions = {};

  constructor(limits: WebSocketLimits, connections: OpenConnections) {
    this.connections = connections;
    this.#limits = limits;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Shared bytes cannot be compressed per connection; small JSON gains little from it.
      perMessageDeflate: false,
      maxPayload: limits.maxMessageBytes,
      handleProtocols: () => this.#handshake.subprotocol ?? false,
    });
    this.#server.on("headers", (lines) => {
      for (const [name, value] of Object.entries(this.#handshake.headers ?? {})) {
        lines.push(`${name}: ${value}`);
      }
    });
  }

  /**
   * Completes the handshake; `undefined` when the client is gone or its handshake is malformed.
   *
   * @throws {TidingsError} OPTION_INVALID for a subprotocol that the client does not offer.
   * @throws {TypeError} for a header that HTTP cannot carry, line ends above all.
   */
  accept(
    { request, socket, head }: Upgrade,
    handshake: HandshakeOptions,
    listener: WebSocketListener,
  ): WebSocketConnection | undefined {
    checkHandshake(request, handshake);
    let connection: WebSocketConnection | undefined;
    this.#handshake = handshake;
    this.#server.handleUpgrade(request, socket, head, (websocket) => {
      connection = new WebSocketConnection({ transport: this, websocket, socket, listener });
    });
    return connection;
  }

  get limits(): WebSocketLimits {
    return this.#limits;
  }
}

interface WebSocketConnectionOptions {
  readonly transport: WebSocketTransport;
  readonly websocket: WebSocket;
  readonly socket: Duplex;
  readonly listener: WebSocketListener;
}

/**
 * One open WebSocket.
 *
 * Frames that we made ourselves go straight to the socket: without compression `ws` writes each of
 * its own frames (pings, closes) whole and at once, so they never mix. That saves framing a group's
 * message once per member.
 */
export class WebSocketConnection {
  readonly #websocket: WebSocket;
  readonly #outbox: Outbox;
  #isAlive = true;

  constructor({ transport, websocket, socket, listener }: WebSocketConnectionOptions) {
    this.#websocket = websocket;
    this.#outbox = new Outbox({
      sink: socket,
      maxBytes: transport.limits.maxOutboxBytes,
      onOverflow: () => this.#cutOff(),
    });
    const remove = transport.connections.add(this);
    websocket.on("message", (data, isBinary) => {
      this.#isAlive = true;
      listener.onMessage(isBinary ? toBytes(data) : toBytes(data).toString());
    });
    websocket.on("pong", () => (this.#isAlive = true));
    // The close that follows carries the code (1002, 1007, 1009); there is nobody to tell more.
    websocket.on("error", () => {});
    websocket.on("close", (code, reason) => {
      remove();
      this.#outbox.close();
      listener.onClose(code, reason.toString());
    });
  }

  /** Sends a frame. */
  send(frame: Uint8Array): void {
    if (this.#websocket.readyState === this.#websocket.OPEN) this.#outbox.push(frame);
  }

  close(code: number, reason: string): void {
    if (this.#websocket.readyState !== this.#websocket.OPEN) return;
    this.#outbox.flush();
    this.#outbox.close();
    this.#websocket.close(code, cutReason(reason));
    setTimeout(() => this.#websocket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  pause(): void {
    this.#websocket.pause();
  }

  resume(): void {
    this.#isAlive = true;
    this.#websocket.resume();
  }

  beat(): void {
    // What we do not read may well be its answer.
    if (this.#websocket.isPaused) return;
    if (!this.#isAlive) return this.#websocket.terminate();
    this.#isAlive = false;
    if (this.#websocket.readyState === this.#websocket.OPEN) this.#websocket.ping();
  }

  goAway(): void {
    this.close(GOING_AWAY, "server going away");
  }

  destroy(): void {
    this.#websocket.terminate();
  }

  /** The socket is full, so a close frame would wait behind what the client does not read. */
  #cutOff(): void {
    this.#websocket.close(SLOW_CONSUMER, "too slow");
    setTimeout(() => this.#websocket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }
}

function toBytes(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

function cutReason(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  const bytes = Buffer.from(reason).subarray(0, MAX_REASON_BYTES);
  return new TextDecoder().decode(bytes).replace(/\uFFFD+$/, "");
}

/** The subprotocols that a client offers, in its order of preference. */
export function offeredSubprotocols({ headers }: IncomingMessage): readonly string[] {
  return (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
}

function checkHandshake(
  request: IncomingMessage,
  { subprotocol, headers }: HandshakeOptions,
): void {
  if (subprotocol !== undefined && !offeredSubprotocols(request).includes(subprotocol)) {
    throw invalidOption("subprotocol", "one that the client offers", subprotocol);
  }
  for (const [name, value] of Object.entries(headers ?? {})) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
}
