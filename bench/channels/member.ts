import { connect, type Socket } from "node:net";

import { FrameReader, toClientFrame, type ServerFrame } from "./frames.ts";
import type { Wire } from "./wire.ts";

/** Where a {@link Member} connects to, and who is told. */
export interface MemberOptions {
  readonly port: number;
  readonly wire: Wire;
  readonly room: string | undefined;
  /** Told of every read after it has joined. */
  readonly onBytes: (member: Member, count: number) => void;
  readonly onLost: (error: Error) => void;
}

/** Nobody is kept out by knowing it: a key shows that the server speaks WebSocket (RFC 6455 §1.3). */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
/** What is read goes into one buffer for all; whoever wants to keep it takes a copy. */
const scrap = Buffer.alloc(64 * 1024);

/**
 * One connection: a bare socket that counts the bytes that follow its handshake.
 *
 * A thousand real clients would cost more than the server that is measured. A witness reads every
 * message, too.
 */
export class Member {
  /** Bytes since the last `reset`. */
  received = 0;
  readonly joined: Promise<void>;
  readonly #options: MemberOptions;
  readonly #socket: Socket;
  readonly #join = Promise.withResolvers<void>();
  #reader: FrameReader | undefined;
  #onFrame: ((frame: ServerFrame) => void) | undefined;
  #phase: "handshake" | "greeting" | "joined" | "closed" = "handshake";
  #head = "";

  constructor(options: MemberOptions) {
    this.#options = options;
    this.joined = this.#join.promise;
    const { port, wire, room } = options;
    const callback = (count: number): boolean => {
      this.#onRead(count);
      return true;
    };
    this.#socket = connect({ port, host: "127.0.0.1", onread: { buffer: scrap, callback } });
    this.#socket.setNoDelay(true);
    this.#socket.on("error", (error) => this.#onGone(error));
    this.#socket.on("close", () => this.#onGone(new Error("the server closed a connection")));
    this.#socket.write(
      `GET ${wire.target(room)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n` +
        `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${KEY}\r\n\r\n`,
    );
  }

  /** Reads every message from now on. */
  witness(onFrame: (frame: ServerFrame) => void): void {
    this.#reader = new FrameReader();
    this.#onFrame = onFrame;
  }

  send(frame: Buffer): void {
    this.#socket.write(frame);
  }

  async close(): Promise<void> {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once("close", () => resolve());
    this.#socket.destroy();
    await promise;
  }

  #onRead(count: number): void {
    if (this.#phase === "joined") {
      this.received += count;
      if (this.#reader) this.#readFrames(this.#reader, count);
      this.#options.onBytes(this, count);
    } else if (this.#phase === "handshake") this.#readHead(count);
    else this.#greet(Buffer.from(scrap.subarray(0, count)));
  }

  #readHead(count: number): void {
    this.#head += scrap.toString("latin1", 0, count);
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) return;
    if (!this.#head.startsWith("HTTP/1.1 101")) {
      this.#onGone(new Error(`refused: ${this.#head}`));
      return;
    }
    const rest = this.#head.slice(end + 4);
    this.#head = "";
    this.#phase = "greeting";
    if (this.#options.wire.joinsAtOnce) this.#enter();
    if (rest) this.#greet(Buffer.from(rest, "latin1"));
  }

  #greet(chunk: Buffer): void {
    this.#reader ??= new FrameReader();
    for (const { text } of this.#reader.read(chunk)) {
      const next = this.#options.wire.greet(text);
      if (next === "joined") this.#enter();
      else this.send(toClientFrame(next.answer));
    }
  }

  #enter(): void {
    this.#reader = undefined;
    this.#phase = "joined";
    this.#join.resolve();
  }

  #readFrames(reader: FrameReader, count: number): void {
    for (const frame of reader.read(Buffer.from(scrap.subarray(0, count)))) this.#onFrame?.(frame);
  }

  #onGone(error: Error): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#join.reject(error);
    this.#options.onLost(error);
  }
}
