import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { toClientFrame } from "./frames.ts";
import { FIRST, MARK } from "./message.ts";

/** How members listen to a room. */
export type Listening = "sse" | "websocket";

/** What answers them: the feed of the room, or a consumer that is in its group. */
export type Heard = "feed" | "consumer";

/** Members that only listen, and one publisher. */
export interface ListenersOptions {
  readonly port: number;
  readonly heard: Heard;
  readonly listening: Listening;
  readonly size: number;
}

const MARK_BYTE = MARK.charCodeAt(0);
const TARGETS: Readonly<Record<Heard, string>> = {
  feed: "/tails/room-0",
  consumer: "/ears/room-0",
};
/** What a listener is told first. */
const STATE = '"now"';
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const UPGRADE =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  `Sec-WebSocket-Key: ${KEY}\r\n`;
const CONCURRENCY = 100;
const LOST_AFTER_MS = 60_000;

/**
 * The members of one group who only listen: bare sockets that count messages.
 *
 * Messages are counted by a mark in each, which costs the same in frames as in an event stream.
 */
export class Listeners {
  readonly #options: ListenersOptions;
  readonly #sockets: Socket[] = [];
  #publisher: Socket | undefined;
  #received = 0;
  #onMessages = (): void => {};

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { size } = this.#options;
    this.#publisher = this.#connect("/rooms/room-0", UPGRADE);
    await once(this.#publisher, "data");
    this.#publisher.resume();
    const openSome = async (): Promise<void> => {
      while (this.#sockets.length < size) await this.#join();
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, openSome));
  }

  /** Resolves with the milliseconds until everybody has every message; `window` are under way. */
  async run(messages: number, window: number): Promise<number> {
    const toAll = this.#sockets.length;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(() => {
      const { heard, listening } = this.#options;
      reject(
        new Error(`${heard} over ${listening}: ${this.#received} of ${toAll * messages} have come`),
      );
    }, LOST_AFTER_MS);
    let sent = 0;
    this.#received = 0;
    this.#onMessages = () => {
      while (sent < messages && this.#received >= toAll * (sent - window + 1))
        this.#publish(sent++);
      if (this.#received >= toAll * messages) resolve();
    };
    const startedAt = performance.now();
    this.#onMessages();
    await promise;
    clearTimeout(late);
    if (this.#received !== toAll * messages) throw new Error("messages came twice");
    return performance.now() - startedAt;
  }

  close(): void {
    for (const socket of [this.#publisher, ...this.#sockets]) socket?.destroy();
  }

  #publish(index: number): void {
    this.#publisher?.write(toClientFrame(JSON.stringify({ n: FIRST + index })));
  }

  async #join(): Promise<void> {
    const { heard, listening } = this.#options;
    const head =
      listening === "sse"
        ? "Accept: text/event-stream\r\n"
        : `${UPGRADE}Sec-WebSocket-Protocol: tidings.v1\r\n`;
    const socket = this.#connect(TARGETS[heard], head);
    this.#sockets.push(socket);
    let text = "";
    while (!text.includes(STATE)) text += String(await once(socket, "data"));
    socket.on("data", (chunk: Buffer) => this.#count(chunk));
  }

  #connect(target: string, head: string): Socket {
    const { port } = this.#options;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${head}\r\n`);
    return socket;
  }

  #count(chunk: Buffer): void {
    for (let at = chunk.indexOf(MARK_BYTE); at >= 0; at = chunk.indexOf(MARK_BYTE, at + 1)) {
      this.#received += 1;
    }
    this.#onMessages();
  }
}
