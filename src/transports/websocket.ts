import { validateHeaderName, validateHeaderValue, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import { WebSocketServer, type WebSocket } from "ws";

import { invalidOption } from "../core/options.ts";
import { HoldingOutbox, type HoldingPolicy } from "./holding-outbox.ts";
import { MessageRate, type Allowance } from "./message-rate.ts";
import type { OpenConnections } from "./open-connections.ts";
import { Outbox } from "./outbox.ts";
import type { WebSocketLosses } from "./websocket-losses.ts";

/** A request to speak WebSocket that has not been answered yet. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** Called when the handshake has been answered with yes. */
  readonly onAnswer?: (() => void) | undefined;
}

/** How to answer an upgrade with yes. */
export interface HandshakeOptions {
  readonly subprotocol?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What happens when the client is slow. @default "disconnect" */
  readonly slowConsumer?: "disconnect" | HoldingPolicy | undefined;
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
  /** In how many frames it may send one message; more close with 1008. */
  readonly maxFragments: number;
  /** How many bytes may wait for a slow client; beyond it, close 1013, unless something is dropped. */
  readonly maxOutboxBytes: number;
  /** How many messages it may send each second, and at once after a pause. */
  readonly maxMessagesPerSecond: number;
  readonly maxMessageBurst: number;
  /** How long it may send no message before it is closed with 1000. */
  readonly idleTimeoutMs: number;
  readonly heartbeatMs: number;
}

const SLOW_CONSUMER = 1013;
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;
/** What a close frame can carry beside its code (RFC 6455 §5.5: 125 bytes in all). */
const MAX_REASON_BYTES = 123;
/** After our close frame, a client has this long to answer before the socket is cut. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Completes handshakes and carries what follows. One for each server. */
export class WebSocketTransport {
  readonly connections: OpenConnections;
  readonly rate: MessageRate;
  readonly losses: WebSocketLosses = { dropped: 0, tooSlow: 0, tooFast: 0 };
  readonly #limits: WebSocketLimits;
  readonly #server: WebSocketServer;
  // `handleUpgrade` asks for these synchronously, in the middle of the handshake.
  #handshake: HandshakeOptions = {};

  constructor(limits: WebSocketLimits, connections: OpenConnections) {
    this.connections = connections;
    this.#limits = limits;
    this.rate = new MessageRate(limits.maxMessagesPerSecond, limits.maxMessageBurst);
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Shared bytes cannot be compressed per connection; small JSON gains little from it.
      perMessageDeflate: false,
      maxPayload: limits.maxMessageBytes,
      maxFragments: limits.maxFragments,
      autoPong: false, // a client that asks without reading the answers would fill our memory
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
    { request, socket, head, onAnswer }: Upgrade,
    handshake: HandshakeOptions,
    listener: WebSocketListener,
  ): WebSocketConnection | undefined {
    checkHandshake(request, handshake);
    let connection: WebSocketConnection | undefined;
    this.#handshake = handshake;
    const { slowConsumer = "disconnect" } = handshake;
    this.#server.handleUpgrade(request, socket, head, (websocket) => {
      const options = { transport: this, websocket, socket, listener, slowConsumer };
      connection = new WebSocketConnection(options);
    });
    if (connection) onAnswer?.();
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
  readonly slowConsumer: "disconnect" | HoldingPolicy;
}

/**
 * One open WebSocket.
 *
 * Frames that we made ourselves go straight to the socket: without compression `ws` writes each of
 * its own frames (pings, closes) whole and at once, so they never mix. That saves framing a group's
 * message once per member.
 */
export class WebSocketConnection {
  readonly #transport: WebSocketTransport;
  readonly #websocket: WebSocket;
  readonly #outbox: Outbox | HoldingOutbox;
  /** Made with its first message: most connections are idle, and there are many. */
  #allowance: Allowance | undefined;
  #isAlive = true;
  /** How many heartbeats have passed since its last message. */
  #idleBeats = 0;
  /** Why it is not read: its handlers are busy, or it sends too fast. */
  #isHeldUp = false;
  #isThrottled = false;

  constructor({
    transport,
    websocket,
    socket,
    listener,
    slowConsumer,
  }: WebSocketConnectionOptions) {
    this.#transport = transport;
    this.#websocket = websocket;
    this.#outbox = this.#createOutbox(socket, slowConsumer);
    const remove = transport.connections.add(this);
    websocket.on("message", (data, isBinary) => {
      this.#isAlive = true;
      this.#idleBeats = 0;
      if (!this.#count()) return;
      listener.onMessage(isBinary ? toBytes(data) : toBytes(data).toString());
    });
    websocket.on("ping", (data) => {
      // "It may elect to send a response for only the most recently processed Ping frame"
      // (RFC 6455 §5.5.3): while our answers pile up, none is needed.
      if (this.#count() && !socket.writableNeedDrain) websocket.pong(data);
    });
    websocket.on("pong", () => (this.#isAlive = true));
    // The close that follows carries the code (1002, 1007, 1009); there is nobody to tell more.
    websocket.on("error", () => {});
    websocket.on("close", (code, reason) => {
      remove();
      transport.rate.forget(this);
      this.#outbox.close();
      listener.onClose(code, reason.toString());
    });
  }

  /** Sends a frame; with a key it may make way for a newer one, if the client is slow. */
  send(frame: Uint8Array, key?: string): void {
    if (this.#websocket.readyState === this.#websocket.OPEN) this.#outbox.push(frame, key);
  }

  close(code: number, reason: string): void {
    if (this.#websocket.readyState !== this.#websocket.OPEN) return;
    this.#outbox.flush();
    this.#outbox.close();
    this.#websocket.close(code, cutReason(reason));
    setTimeout(() => this.#websocket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  pause(): void {
    this.#isHeldUp = true;
    this.#websocket.pause();
  }

  resume(): void {
    this.#isHeldUp = false;
    this.#read();
  }

  resumeReading(): void {
    this.#isThrottled = false;
    this.#read();
  }

  beat(): void {
    const websocket = this.#websocket;
    if (websocket.readyState !== websocket.OPEN) return;
    if (websocket.isPaused) {
      // What we do not read may well be its answer; the kernel still learns whether it is there.
      websocket.ping();
      return;
    }
    if (!this.#isAlive) return websocket.terminate();
    this.#isAlive = false;
    const { heartbeatMs, idleTimeoutMs } = this.#transport.limits;
    this.#idleBeats += 1;
    if (this.#idleBeats * heartbeatMs > idleTimeoutMs) return this.close(1000, "idle");
    websocket.ping();
  }

  goAway(): void {
    this.close(GOING_AWAY, "server going away");
  }

  destroy(): void {
    this.#websocket.terminate();
  }

  #createOutbox(
    socket: Duplex,
    slowConsumer: "disconnect" | HoldingPolicy,
  ): Outbox | HoldingOutbox {
    const { limits, losses } = this.#transport;
    const maxBytes = limits.maxOutboxBytes;
    const onOverflow = (): void => {
      losses.tooSlow += 1;
      this.#cutOff();
    };
    if (slowConsumer === "disconnect") return new Outbox({ sink: socket, maxBytes, onOverflow });
    const onDrop = (): void => void (losses.dropped += 1);
    return new HoldingOutbox({ sink: socket, policy: slowConsumer, maxBytes, onOverflow, onDrop });
  }

  /** Counts what the client sent; `false` when it was too much. */
  #count(): boolean {
    const { rate } = this.#transport;
    this.#allowance ??= rate.start();
    switch (rate.count(this, this.#allowance)) {
      case "go-on":
        return true;
      case "pause":
        this.#isThrottled = true;
        this.#websocket.pause();
        return true;
      case "close":
        if (this.#websocket.readyState === this.#websocket.OPEN)
          this.#transport.losses.tooFast += 1;
        this.close(POLICY_VIOLATION, "too many messages");
        return false;
    }
  }

  #read(): void {
    if (this.#isHeldUp || this.#isThrottled) return;
    this.#isAlive = true;
    this.#websocket.resume();
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
