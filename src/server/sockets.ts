import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/**
 * The sockets of an HTTP server, and which of them are in the middle of something.
 *
 * Node's own `close` waits for sockets that have never sent a request or only half of one, which
 * browsers open ahead of need. Here they are idle, and closed at once when the server stops.
 */
export class Sockets {
  readonly #isBusy = new Map<Duplex, boolean>();
  #isStopping = false;

  constructor(http: Server) {
    http.on("connection", (socket: Socket) => {
      this.#isBusy.set(socket, false);
      socket.once("close", () => this.#isBusy.delete(socket));
    });
    http.on("upgrade", (_request, socket) => this.#isBusy.set(socket, true));
    http.on("request", ({ socket }, response) => {
      this.#isBusy.set(socket, true);
      response.once("close", () => this.#onIdle(socket));
    });
  }

  /** Closes what is idle now, and everything else as soon as it has been answered. */
  stop(): void {
    this.#isStopping = true;
    for (const [socket, isBusy] of this.#isBusy) if (!isBusy) socket.destroy();
  }

  /** Closes everything at once. */
  destroy(): void {
    for (const socket of this.#isBusy.keys()) socket.destroy();
  }

  #onIdle(socket: Socket): void {
    if (this.#isStopping) socket.destroySoon();
    else if (this.#isBusy.has(socket)) this.#isBusy.set(socket, false);
  }
}
