import { createServer, type IncomingMessage } from "node:http";
import { createSecureServer, Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { Duplex } from "node:stream";

import { limitBodyTime } from "./body-deadline.ts";
import type { ServerLimits } from "./limits.ts";
import { toListenError } from "./listen-error.ts";
import type { NodeMessage } from "./node-message.ts";
import type { NodeResponse } from "./send-response.ts";
import { Sockets, type NetServer } from "./sockets.ts";
import { streamRequests } from "./stream-requests.ts";
import type { TlsOptions } from "./tls-options.ts";

/** What answers what a {@link Listener} takes in. */
export interface ListenerHandlers {
  readonly onRequest: (request: NodeMessage, response: NodeResponse) => void;
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly isStream: (request: IncomingMessage) => boolean;
  readonly onStream: (request: IncomingMessage, socket: Duplex) => void;
}

/** What a {@link Listener} needs. */
export interface ListenerOptions {
  readonly port: number;
  readonly host: string;
  /** Listens on this path instead of a port. */
  readonly unixSocket: string | undefined;
  readonly tls: TlsOptions | undefined;
  readonly http2: boolean;
  readonly limits: ServerLimits;
}

/**
 * Where requests come in: HTTP/1.1 in the clear, or with TLS also HTTP/2.
 *
 * WebSockets stay on HTTP/1.1: browsers ask for them on a connection of their own.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: NetServer;
  readonly #sockets: Sockets;
  #setTls: ((tls: TlsOptions) => void) | undefined;

  constructor(options: ListenerOptions, handlers: ListenerHandlers) {
    this.#options = options;
    this.#server = this.#create(handlers);
    this.#sockets = new Sockets(this.#server, options.limits.keepAliveTimeoutMs);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : this.#options.port;
  }

  get url(): string {
    const { host, unixSocket, tls } = this.#options;
    if (unixSocket !== undefined) return `unix:${unixSocket}`;
    const isLocal = ["127.0.0.1", "::1", "localhost", "0.0.0.0", "::"].includes(host);
    const name = host.includes(":") ? `[${host}]` : host;
    return `${tls ? "https" : "http"}://${isLocal ? "localhost" : name}:${this.port}`;
  }

  async listen(): Promise<void> {
    const { port, host, unixSocket } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(unixSocket === undefined ? { port, host } : { path: unixSocket }, resolve);
    try {
      await promise;
    } catch (thrown) {
      throw toListenError(thrown, unixSocket ?? { host, port });
    }
    this.#server.off("error", reject);
  }

  /** Takes nothing more in; settles when everything that came in is over. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#sockets.stop();
    await closed;
  }

  /** Cuts off everything at once. */
  destroy(): void {
    this.#sockets.destroy();
  }

  /** Uses another certificate for connections from now on; without TLS it does nothing. */
  setTls(tls: TlsOptions): void {
    this.#setTls?.(tls);
  }

  #create(handlers: ListenerHandlers): NetServer {
    const { tls, http2, limits } = this.#options;
    // A stream takes the whole socket: what was asked for before must have been answered.
    const isStream = (request: IncomingMessage): boolean =>
      this.#sockets.isIdle(request.socket) && handlers.isStream(request);
    const options = {
      ...toHttpOptions(limits, isStream),
      IncomingMessage: streamRequests(isStream),
    };
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (isWebSocket(request)) handlers.onUpgrade(request, socket, head);
      else handlers.onStream(request, socket);
    };
    if (!tls) {
      const server = createServer(options, handlers.onRequest);
      return server.on("upgrade", onUpgrade);
    }
    if (!http2) {
      const server = createHttpsServer({ ...options, ...tls }, handlers.onRequest);
      this.#setTls = (renewed) => server.setSecureContext(renewed);
      return server.on("upgrade", onUpgrade);
    }
    const { maxStreamsPerConnection, maxHeaderBytes, requestTimeoutMs } = limits;
    const settings = {
      maxConcurrentStreams: maxStreamsPerConnection,
      maxHeaderListSize: maxHeaderBytes,
    };
    const server = createSecureServer(
      { ...options, ...tls, allowHTTP1: true, settings },
      (request, response) => {
        const isHttp2 =
          request instanceof Http2ServerRequest && response instanceof Http2ServerResponse;
        if (isHttp2 && headerBytes(request) > maxHeaderBytes) {
          // Node only tells the client; over HTTP/1.1 its parser refuses by itself.
          response.writeHead(431).end();
          return;
        }
        if (isHttp2) limitBodyTime(request, response, requestTimeoutMs);
        handlers.onRequest(request, response);
      },
    );
    this.#setTls = (renewed) => server.setSecureContext(renewed);
    return server.on("upgrade", onUpgrade);
  }
}

/** As RFC 9113 §6.5.2 counts: names and values, and 32 bytes for each pair. */
function headerBytes({ rawHeaders }: Http2ServerRequest): number {
  return rawHeaders.reduce((bytes, text) => bytes + text.length, rawHeaders.length * 16);
}

/** Node's names for our limits. */
function toHttpOptions(
  limits: ServerLimits,
  isStream: (request: IncomingMessage) => boolean,
): {
  readonly noDelay: boolean;
  readonly maxHeaderSize: number;
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly handshakeTimeout: number;
  readonly keepAliveTimeout: number;
  readonly connectionsCheckingInterval: number;
  readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean;
} {
  const { handshakeTimeoutMs, requestTimeoutMs } = limits;
  return {
    noDelay: true,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: Math.min(handshakeTimeoutMs, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    handshakeTimeout: handshakeTimeoutMs, // that of TLS
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // How late a timeout of Node may be noticed.
    connectionsCheckingInterval: Math.ceil(handshakeTimeoutMs / 4),
    // Anything else that asks for an upgrade (h2c) is answered as a plain request.
    shouldUpgradeCallback: (request) => isWebSocket(request) || isStream(request),
  };
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}
