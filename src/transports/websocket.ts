import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";

import { SIGN_OF_LIFE, SUBPROTOCOL } from "../protocol/index.ts";
import { FrameReader, type FrameHandler } from "./frame-reader.ts";
import { frameClose, framePing, framePong, frameText } from "./frame-writer.ts";
import { switchingProtocols, type HandshakeAnswer } from "./handshake.ts";
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
export interface HandshakeOptions extends HandshakeAnswer {
  /** What happens when the client is slow. @default "disconnect" */
  readonly slowConsumer?: "disconnect" | HoldingPolicy | undefined;
}

/** What happens on an open WebSocket: text arrives as a string, a binary message as bytes. */
export interface WebSocketListener {
  onMessage(data: string | Uint8Array): void;
  onClose(code: number, reason: string): void;
  /** Told before the client is asked to come back, whose answer then says nothing of its own. */
  onGoAway?(): void;
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
const NO_STATUS = 1005;
const ABNORMAL = 1006;
const POLICY_VIOLATION = 1008;
/** What a close frame can carry beside its code (RFC 6455 §5.5: 125 bytes in all). */
const MAX_REASON_BYTES = 123;
/** After our close frame, a client has this long to answer before the socket is cut. */
const CLOSE_TIMEOUT_MS = 2_000;
const PING = framePing();
/** With our subprotocol; browsers do not show scripts a ping. */
const PING_AND_SIGN = Buffer.concat([PING, frameText(SIGN_OF_LIFE)]);

/** Completes handshakes and carries what follows. One for each server. */
export class WebSocketTransport {
  readonly connections: OpenConnections;
  readonly limits: WebSocketLimits;
  readonly rate: MessageRate;
  readonly losses: WebSocketLosses = { dropped: 0, tooSlow: 0, tooFast: 0 };

  constructor(limits: WebSocketLimits, connections: OpenConnections) {
    this.connections = connections;
    this.limits = limits;
    this.rate = new MessageRate(limits.maxMessagesPerSecond, limits.maxMessageBurst);
  }

  /**
   * Completes the handshake, which has been checked; `undefined` when the client is gone.
   *
   * No extension is agreed on: what is compressed for one connection cannot be shared by a group, and
   * small JSON gains little from it.
   *
   * @throws {TidingsError} OPTION_INVALID for a subprotocol that the client does not offer.
   * @throws {TypeError} for a header that HTTP cannot carry, line ends above all.
   */
  accept(
    { request, socket, head, onAnswer }: Upgrade,
    handshake: HandshakeOptions,
    listener: WebSocketListener,
  ): WebSocketConnection | undefined {
    const answer = switchingProtocols(request, handshake);
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return undefined;
    }
    if (socket instanceof Socket) {
      // A framework's server may have given its sockets a time limit, or Nagle's algorithm.
      socket.setTimeout(0);
      socket.setNoDelay();
    }
    socket.write(answer, "latin1");
    // What the client has sent already is read when everything is in its place.
    if (head.length > 0) socket.unshift(head);
    onAnswer?.();
    const { slowConsumer = "disconnect" } = handshake;
    const sign = handshake.subprotocol === SUBPROTOCOL ? PING_AND_SIGN : PING;
    return new WebSocketConnection({ transport: this, socket, listener, slowConsumer, sign });
  }
}

interface WebSocketConnectionOptions {
  readonly transport: WebSocketTransport;
  readonly socket: Duplex;
  readonly listener: WebSocketListener;
  readonly slowConsumer: "disconnect" | HoldingPolicy;
  /** What is sent at each heartbeat. */
  readonly sign: Uint8Array;
}

/**
 * One open WebSocket.
 *
 * | state   | what is true                                      | left when                             |
 * | ------- | ------------------------------------------------- | ------------------------------------- |
 * | open    | messages come and go                              | either side closes, or breaks a rule  |
 * | closing | our close frame is out, or the client's end is in; nothing more is sent | the socket closes, at the latest 2 s after |
 * | closed  | the listener has been told                        | never                                 |
 *
 * "The server MUST close the connection immediately" when both close frames are out (§7.1.1).
 */
export class WebSocketConnection implements FrameHandler {
  readonly #transport: WebSocketTransport;
  readonly #socket: Duplex;
  readonly #listener: WebSocketListener;
  readonly #outbox: Outbox | HoldingOutbox;
  readonly #reader: FrameReader;
  readonly #sign: Uint8Array;
  #state: "open" | "closing" | "closed" = "open";
  /** What the client's close frame says. */
  #closeCode = ABNORMAL;
  #closeReason = "";
  #cut: NodeJS.Timeout | undefined;
  /** Made with its first message: most connections are idle, and there are many. */
  #allowance: Allowance | undefined;
  #isAlive = true;
  /** How many heartbeats have passed since its last message. */
  #idleBeats = 0;
  /** Why it is not read: its handlers are busy, or it sends too fast. */
  #isHeldUp = false;
  #isThrottled = false;

  constructor({ transport, socket, listener, slowConsumer, sign }: WebSocketConnectionOptions) {
    this.#sign = sign;
    this.#transport = transport;
    this.#socket = socket;
    this.#listener = listener;
    this.#outbox = this.#createOutbox(slowConsumer);
    this.#reader = new FrameReader(this, transport.limits);
    transport.connections.add(this);
    socket.on("data", (chunk: Buffer) => this.#reader.read(chunk));
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#onClose());
  }

  /** Sends a frame; with a key it may make way for a newer one, if the client is slow. */
  send(frame: Uint8Array, key?: string): void {
    if (this.#state === "open") this.#outbox.push(frame, key);
  }

  /** Writes what is pending; a promise to wait for when the client should take that before more. */
  drained(): Promise<void> | undefined {
    this.#outbox.flush();
    const socket = this.#socket;
    if (this.#state !== "open" || !socket.writableNeedDrain) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.once("drain", resolve).once("close", resolve);
    return promise.then(() => void socket.off("drain", resolve).off("close", resolve));
  }

  /** @throws {TidingsError} OPTION_INVALID for a code that may not be sent. */
  close(code: number, reason: string): void {
    if (this.#state !== "open") return;
    const frame = frameClose(code, cutReason(reason));
    this.#closeAfterAll(frame);
  }

  pause(): void {
    this.#isHeldUp = true;
    this.#socket.pause();
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
    if (this.#state !== "open") return;
    if (this.#isHeldUp || this.#isThrottled) {
      // What we do not read may well be its answer; the kernel still learns whether it is there.
      this.#socket.write(this.#sign);
      return;
    }
    if (!this.#isAlive) return this.destroy();
    this.#isAlive = false;
    const { heartbeatMs, idleTimeoutMs } = this.#transport.limits;
    this.#idleBeats += 1;
    if (this.#idleBeats * heartbeatMs > idleTimeoutMs) return this.close(1000, "idle");
    this.#socket.write(this.#sign);
  }

  goAway(): void {
    this.#listener.onGoAway?.();
    this.close(GOING_AWAY, "server going away");
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onMessage(data: string | Uint8Array): void {
    this.#isAlive = true;
    this.#idleBeats = 0;
    if (this.#count()) this.#listener.onMessage(data);
  }

  onPing(payload: Uint8Array): void {
    // "It may elect to send a response for only the most recently processed Ping frame" (§5.5.3):
    // while our answers pile up, none is needed. Without reading them, a client would fill our memory.
    if (this.#count() && this.#state === "open" && !this.#socket.writableNeedDrain) {
      this.#socket.write(framePong(payload));
    }
  }

  onPong(): void {
    this.#isAlive = true;
  }

  onCloseFrame(code: number, reason: string): void {
    this.#closeCode = code;
    this.#closeReason = reason;
    // "The endpoint MUST send a Close frame in response" (§5.5.1), and "typically echos the status code".
    if (this.#state === "open") {
      this.#closeAfterAll(code === NO_STATUS ? frameClose() : frameClose(code, reason));
    }
    this.#finish();
  }

  onViolation(code: number, reason: string): void {
    this.close(code, reason);
    this.#finish();
  }

  #createOutbox(slowConsumer: "disconnect" | HoldingPolicy): Outbox | HoldingOutbox {
    const { limits, losses } = this.#transport;
    const maxBytes = limits.maxOutboxBytes;
    const sink = this.#socket;
    const onOverflow = (): void => {
      losses.tooSlow += 1;
      // A close frame after all that waits, which the client does not read: most are cut.
      this.#closeWith(frameClose(SLOW_CONSUMER, "too slow"));
    };
    if (slowConsumer === "disconnect") return new Outbox({ sink, maxBytes, onOverflow });
    const onDrop = (): void => void (losses.dropped += 1);
    return new HoldingOutbox({ sink, policy: slowConsumer, maxBytes, onOverflow, onDrop });
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
        this.#socket.pause();
        return true;
      case "close":
        if (this.#state === "open") this.#transport.losses.tooFast += 1;
        this.close(POLICY_VIOLATION, "too many messages");
        return false;
    }
  }

  #read(): void {
    if (this.#isHeldUp || this.#isThrottled) return;
    this.#isAlive = true;
    this.#socket.resume();
  }

  /** Sends what is pending, then our close frame. */
  #closeAfterAll(frame: Uint8Array): void {
    this.#outbox.flush();
    // What was pending may have been too much, which closes as well.
    if (this.#state === "open") this.#closeWith(frame);
  }

  /** Sends our close frame; the client has a while to answer. */
  #closeWith(frame: Uint8Array): void {
    this.#state = "closing";
    this.#outbox.close();
    this.#socket.write(frame);
    this.#cut = setTimeout(() => this.destroy(), CLOSE_TIMEOUT_MS).unref();
  }

  /** Both sides have said all. What still comes is read and dropped, or its end would not be seen. */
  #finish(): void {
    this.#socket.end();
    this.#socket.resume();
  }

  /** The client has closed its half of the socket, with or without a close frame. */
  #onEnd(): void {
    if (this.#state === "open") this.#outbox.flush();
    this.#state = "closing";
    this.#outbox.close();
    this.#socket.end();
  }

  #onClose(): void {
    this.#state = "closed";
    clearTimeout(this.#cut);
    this.#transport.connections.remove(this);
    this.#transport.rate.forget(this);
    this.#outbox.close();
    this.#listener.onClose(this.#closeCode, this.#closeReason);
  }
}

function cutReason(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  const bytes = Buffer.from(reason).subarray(0, MAX_REASON_BYTES);
  return new TextDecoder().decode(bytes).replace(/\uFFFD+$/, "");
}
