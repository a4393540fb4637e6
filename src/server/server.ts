import { setTimeout as delay } from "node:timers/promises";

import type { Application } from "../app/index.ts";
import { isRecord } from "../core/is-record.ts";
import { silentLogger, type Logger } from "../core/logger.ts";
import { assertDuration, assertKnownOptions, optionNames, wrongKind } from "../core/options.ts";
import type { Service, ServiceState, StopOptions } from "../core/service.ts";
import { Engine } from "./engine.ts";
import type { HealthOptions } from "./health.ts";
import type { ServerLimits } from "./limits.ts";
import { Listener } from "./listener.ts";
import type { TlsOptions } from "./tls-options.ts";
import type { ProxyOptions } from "./trusted-proxies.ts";

/** Options of {@link createServer}. */
export interface ServerOptions extends Omit<ProxyOptions, "isUnixSocket"> {
  /** The port; 0 takes a free one. @default 8000 */
  readonly port?: number | undefined;
  /** The address to listen on. @default "127.0.0.1" */
  readonly host?: string | undefined;
  /** @default silent */
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** Where it tells how it is; `false` turns that off. */
  readonly health?: HealthOptions | false | undefined;
  /** Listens on this path, as a proxy on the same machine may want it, instead of a port. */
  readonly unixSocket?: string | undefined;
  /** Serves HTTPS, and HTTP/2 to clients that speak it. */
  readonly tls?: TlsOptions | undefined;
  /** Whether HTTP/2 is offered with `tls`. @default true */
  readonly http2?: boolean | undefined;
  /** For how long a stop goes on taking requests while it says that it is not ready. @default 0 */
  readonly drainDelayMs?: number | undefined;
  /**
   * Over how long a stop spreads telling clients to come back, at most: they go at 100 a second, and
   * faster when this would take longer. @default 5_000
   */
  readonly drainSpreadMs?: number | undefined;
}

const NAMES = optionNames<ServerOptions>({
  port: true,
  host: true,
  logger: true,
  limits: true,
  health: true,
  unixSocket: true,
  tls: true,
  http2: true,
  drainDelayMs: true,
  drainSpreadMs: true,
  trustedProxies: true,
  proxyHeaders: true,
});

/** What slow or overeager clients have cost a server so far. */
export interface ServerLosses {
  /** Messages that were dropped or conflated because their client was slow. */
  readonly dropped: number;
  /** WebSockets that were cut off because they were slow. */
  readonly tooSlow: number;
  /** WebSockets that were closed because they sent too fast. */
  readonly tooFast: number;
}

/** A running application: HTTP, upgrades, and everything that stays open behind them. */
export interface Server extends Service {
  /** Where it listens, once it has started. */
  readonly url: string;
  readonly port: number;
  /** How many connections are open: WebSockets and streams. */
  readonly connectionCount: number;
  /** What slow or overeager clients have cost so far. */
  readonly losses: ServerLosses;
  /** Uses another certificate for connections from now on; without `tls` it does nothing. */
  setTls(tls: TlsOptions): void;
}

/**
 * Makes the server of an application; `start` makes it listen.
 *
 * @throws {TidingsError} OPTION_INVALID for an option that is not what it should be, or that nobody knows.
 */
export function createServer(application: Application, options: ServerOptions = {}): Server {
  return new NodeServer(application, options);
}

/**
 * A Node server in front of an application.
 *
 * Stopping: it says that it is not ready, then takes no new connections; open ones are asked to come
 * back (1001, end of stream), spread over a time; running requests and handlers finish. When the
 * stop's signal fires, what is left is cut off.
 */
class NodeServer implements Server {
  readonly #listener: Listener;
  readonly #engine: Engine;
  readonly #drainDelayMs: number;
  readonly #drainSpreadMs: number;
  #state: ServiceState = "idle";
  #listening: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(application: Application, options: ServerOptions) {
    assertKnownOptions("`createServer`", options, NAMES);
    const { port = 8000, host = "127.0.0.1", unixSocket, tls, http2 = true } = options;
    this.#drainDelayMs = assertDuration("drainDelayMs", options.drainDelayMs ?? 0);
    this.#drainSpreadMs = assertDuration("drainSpreadMs", options.drainSpreadMs ?? 5_000);
    if (tls !== undefined && !isRecord(tls)) throw wrongKind("tls", "an object", tls);
    const isUnixSocket = unixSocket !== undefined;
    const { logger = silentLogger } = options;
    this.#engine = new Engine(application, { ...options, logger, isUnixSocket });
    this.#listener = new Listener(
      { port, host, unixSocket, tls, http2, limits: this.#engine.context.limits },
      {
        onRequest: (request, response) => this.#engine.answer(request, response),
        onUpgrade: (request, socket, head) => this.#engine.answerUpgrade({ request, socket, head }),
        isStream: (request) => this.#engine.isStream(request),
        onStream: (request, socket) => this.#engine.answerStream(request, socket),
      },
    );
  }

  get state(): ServiceState {
    return this.#state;
  }

  get port(): number {
    return this.#listener.port;
  }

  get url(): string {
    return this.#listener.url;
  }

  get connectionCount(): number {
    return this.#engine.context.seats.taken;
  }

  get losses(): ServerLosses {
    return { ...this.#engine.context.websockets.losses };
  }

  async start(): Promise<void> {
    if (this.#state !== "idle") return;
    this.#state = "starting";
    try {
      this.#listening = this.#listener.listen();
      await this.#listening;
    } catch (thrown) {
      this.#state = "stopped";
      throw thrown;
    }
    this.#state = "running";
  }

  setTls(tls: TlsOptions): void {
    this.#listener.setTls(tls);
  }

  async stop(options: StopOptions = {}): Promise<void> {
    // Who started it is told when it cannot listen; here it only has not begun yet.
    await this.#listening?.catch(() => {});
    if (this.#state === "running") this.#stopped = this.#stop(options);
    await this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop({ signal }: StopOptions): Promise<void> {
    this.#state = "stopping";
    this.#engine.context.health.isDraining = true;
    // Load balancers notice, and send their requests elsewhere.
    if (this.#drainDelayMs > 0)
      await delay(this.#drainDelayMs, undefined, { signal }).catch(() => {});
    const closed = this.#listener.close();
    const cut = (): void => this.#listener.destroy();
    signal?.addEventListener("abort", cut, { once: true });
    await this.#engine.drain({ spreadMs: this.#drainSpreadMs, signal });
    if (signal?.aborted) cut();
    await closed;
    signal?.removeEventListener("abort", cut);
    this.#state = "stopped";
  }
}
