import type { Server } from "node:http";
import type { Http2SecureServer, ServerHttp2Session } from "node:http2";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";

/** Any of Node's HTTP servers. */
export type NetServer = Server | HttpsServer | Http2SecureServer;

/**
 * The sockets of an HTTP server, and which of them are in the middle of something.
 *
 * Node's own `close` waits for sockets that have never sent a request or only half of one, which
 * browsers open ahead of need. Here they are idle, and closed at once when the server stops. A
 * session of HTTP/2 takes no more streams, and is over when its last one is.
 */
export class Sockets {
  /** How many answers each owes: a client may ask again before it has the first. */
  readonly #owed = new Map<Duplex, number>();
  /** Sockets by their peer, until TLS has taken over. */
  readonly #insecure = new Map<string, Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #isStopping = false;

  constructor(server: NetServer, keepAliveTimeoutMs: number) {
    server.on("connection", (socket: Socket) => {
      if ("setSecureContext" in server) this.#addInsecure(socket);
      else this.#add(socket);
    });
    server.on("secureConnection", (socket: TLSSocket) => {
      this.#insecure.delete(peerOf(socket));
      if (socket.alpnProtocol !== "h2") this.#add(socket);
    });
    server.on("session", (session: ServerHttp2Session) =>
      this.#addSession(session, keepAliveTimeoutMs),
    );
    // An open WebSocket, or stream, ends by itself.
    server.on("upgrade", (_request, socket: Duplex) => this.#owed.set(socket, Infinity));
    server.on("request", ({ socket }, response) => {
      const owed = this.#owed.get(socket);
      if (owed === undefined) return; // a stream of HTTP/2
      this.#owed.set(socket, owed + 1);
      response.once("close", () => this.#onAnswered(socket));
    });
  }

  /** Whether a socket owes no answer. */
  isIdle(socket: Duplex): boolean {
    return this.#owed.get(socket) === 0;
  }

  /** Closes what is idle now, and everything else as soon as it has been answered. */
  stop(): void {
    this.#isStopping = true;
    for (const [socket, owed] of this.#owed) if (owed === 0) socket.destroy();
    for (const session of this.#sessions) session.close();
    for (const socket of this.#insecure.values()) socket.destroy();
  }

  /** Closes everything at once. */
  destroy(): void {
    for (const socket of this.#owed.keys()) socket.destroy();
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#insecure.values()) socket.destroy();
  }

  #add(socket: Socket): void {
    this.#owed.set(socket, 0);
    socket.on("close", () => this.#owed.delete(socket));
  }

  #addInsecure(socket: Socket): void {
    const peer = peerOf(socket);
    this.#insecure.set(peer, socket);
    socket.once("close", () => {
      if (this.#insecure.get(peer) === socket) this.#insecure.delete(peer);
    });
  }

  #addSession(session: ServerHttp2Session, keepAliveTimeoutMs: number): void {
    this.#sessions.add(session);
    session.once("close", () => this.#sessions.delete(session));
    // Streams have heartbeats: a session that is silent for so long has none.
    session.setTimeout(keepAliveTimeoutMs, () => session.close());
  }

  #onAnswered(socket: Socket): void {
    const owed = this.#owed.get(socket);
    if (owed === undefined) return; // it has closed
    this.#owed.set(socket, owed - 1);
    if (this.#isStopping && owed === 1) socket.destroySoon();
  }
}

/** A TLS socket has the same peer as the socket below it. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
