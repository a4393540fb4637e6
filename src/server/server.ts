import { createServer as createHttpServer, type Server as HttpServer } from "node:http";

import type { Application } from "../app/index.ts";
import { EventDispatch, FeedSources, type ConsumerDefinition } from "../channels/index.ts";
import { TidingsError } from "../core/errors.ts";
import { silentLogger, type Logger } from "../core/logger.ts";
import type { Service, ServiceState, StopOptions } from "../core/service.ts";
import { OpenConnections, WebSocketTransport } from "../transports/index.ts";
import { handleRequest } from "./handle-request.ts";
import { handleUpgrade } from "./handle-upgrade.ts";
import { toLimits, type ServerLimits } from "./limits.ts";
import type { ServerContext } from "./server-context.ts";
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
  readonly #context: ServerContext;
  readonly #host: string;
  readonly #port: number;
  #state: ServiceState = "idle";

  constructor(
    application: Application,
    { port = 8000, host = "127.0.0.1", logger = silentLogger, limits }: ServerOptions,
  ) {
    this.#port = port;
    this.#host = host;
    this.#context = createContext(application, logger, toLimits(limits));
    this.#http = createHttpServer({
      // Anything else that asks for an upgrade (h2c) is answered as a plain request.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
    });
    this.#sockets = new Sockets(this.#http);
    this.#http.on(
      "request",
      (request, response) => void handleRequest(this.#context, request, response),
    );
    this.#http.on("upgrade", (request, socket, head) => {
      void handleUpgrade(this.#context, { request, socket, head });
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
    const { connections, sessions, sources } = this.#context;
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    const cut = (): void => this.#sockets.destroy();
    signal?.addEventListener("abort", cut, { once: true });
    this.#sockets.stop();
    await connections.closeAll(signal);
    sources.stop();
    await untilAborted(Promise.allSettled(sessions), signal);
    if (signal?.aborted) cut();
    await closed;
    signal?.removeEventListener("abort", cut);
    this.#state = "stopped";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function createContext(
  application: Application,
  logger: Logger,
  limits: ServerLimits,
): ServerContext {
  const { layer } = application.app;
  const connections = new OpenConnections(limits.heartbeatMs);
  const dispatches = new Map<ConsumerDefinition, EventDispatch>();
  for (const { definition } of application.router.routes) {
    if (definition.kind === "consumer") {
      dispatches.set(definition, new EventDispatch(definition, logger));
    }
  }
  return {
    application,
    logger,
    limits,
    connections,
    dispatches,
    sessions: new Set(),
    sources: new FeedSources({ layer, logger }),
    websockets: new WebSocketTransport(limits, connections),
  };
}

async function untilAborted(promise: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  if (!signal) return void (await promise);
  if (signal.aborted) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await Promise.race([promise, aborted]);
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
