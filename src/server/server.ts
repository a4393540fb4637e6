import { createServer as createHttpServer, type Server as HttpServer } from "node:http";

import type { Application } from "../app/index.ts";
import { TidingsError } from "../core/errors.ts";
import { silentLogger, type Logger } from "../core/logger.ts";
import type { Service, ServiceState, StopOptions } from "../core/service.ts";
import { Engine } from "./engine.ts";
import type { ServerLimits } from "./limits.ts";
import { Sockets } from "./sockets.ts";

/** Options of {@link createServer}. */
export interface ServerOptions {
  /** The port; 0 takes a free one. @default 8000 */
  readonly port?: number | undefined;
  /** The address to listen on. @default "127.0.0.1" */
  readonly host?: string | undefined;
  /** @default silent */
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
}

/** A running application: HTTP, upgrades, and everything that stays open behind them. */
export interface Server extends Service {
  /** Where it listens, once it has started. */
  readonly url: string;
  readonly port: number;
}

/** Makes the server of an application; `start` makes it listen. */
export function createServer(application: Application, options: ServerOptions = {}): Server {
  return new NodeServer(application, options);
}

/**
 * A Node HTTP server in front of an application.
 *
 * Stopping: no new connections, open ones are asked to come back (1001, end of stream), running
 * requests and handlers finish. When the stop's signal fires, what is left is cut off.
 */
class NodeServer implements Service {
  readonly #http: HttpServer;
  readonly #sockets: Sockets;
  readonly #engine: Engine;
  readonly #host: string;
  readonly #port: number;
  #state: ServiceState = "idle";

  constructor(
    application: Application,
    { port = 8000, host = "127.0.0.1", logger = silentLogger, limits }: ServerOptions,
  ) {
    this.#port = port;
    this.#host = host;
    this.#engine = new Engine(application, { logger, limits });
    this.#http = createHttpServer({
      // Anything else that asks for an upgrade (h2c) is answered as a plain request.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
    });
    this.#sockets = new Sockets(this.#http);
    this.#http.on("request", (request, response) => {
      this.#engine.answer(request, response);
    });
    this.#http.on("upgrade", (request, socket, head) => {
      this.#engine.answerUpgrade({ request, socket, head });
    });
  }

  get state(): ServiceState {
    return this.#state;
  }

  get port(): number {
    const address = this.#http.address();
    return typeof address === "object" && address ? address.port : this.#port;
  }

  get url(): string {
    const isLocal = ["127.0.0.1", "::1", "localhost", "0.0.0.0", "::"].includes(this.#host);
    const host = this.#host.includes(":") ? `[${this.#host}]` : this.#host;
    return `http://${isLocal ? "localhost" : host}:${this.port}`;
  }

  async start(): Promise<void> {
    if (this.#state !== "idle") return;
    this.#state = "starting";
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#http.once("error", reject);
    this.#http.listen(this.#port, this.#host, resolve);
    try {
      await promise;
    } catch (thrown) {
      this.#state = "stopped";
      throw toListenError(thrown, this.#host, this.#port);
    }
    this.#http.off("error", reject);
    this.#state = "running";
  }

  async stop({ signal }: StopOptions = {}): Promise<void> {
    if (this.#state !== "running") return;
    this.#state = "stopping";
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    const cut = (): void => this.#sockets.destroy();
    signal?.addEventListener("abort", cut, { once: true });
    this.#sockets.stop();
    await this.#engine.drain(signal);
    if (signal?.aborted) cut();
    await closed;
    signal?.removeEventListener("abort", cut);
    this.#state = "stopped";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function toListenError(thrown: unknown, host: string, port: number): unknown {
  const code = Error.isError(thrown) && "code" in thrown ? thrown.code : undefined;
  if (code === "EADDRINUSE") {
    return new TidingsError(
      "SERVER_PORT_IN_USE",
      `port ${port} on ${host} is in use; stop what uses it, or choose another with --port`,
      { cause: thrown },
    );
  }
  if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return new TidingsError(
      "OPTION_INVALID",
      `cannot listen on ${host}:${port} (${code}); choose another --host or --port`,
      { cause: thrown },
    );
  }
  return thrown;
}
