import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import type { Application } from "../app/index.ts";
import { toErrorResponse } from "../channels/index.ts";
import { silentLogger, type Logger } from "../core/logger.ts";
import { assertDuration, assertKnownOptions, invalidOption, optionNames } from "../core/options.ts";
import type { Service, ServiceState, StopOptions } from "../core/service.ts";
import { answerUpgrade } from "../transports/index.ts";
import { Engine } from "./engine.ts";
import { assertHealth, type HealthOptions } from "./health.ts";
import type { ServerLimits } from "./limits.ts";
import { joinUpgrades } from "./mount-upgrades.ts";
import type { NodeMessage } from "./node-message.ts";
import { sendResponse, type NodeResponse } from "./send-response.ts";
import type { ProxyOptions } from "./trusted-proxies.ts";

/** How an application is mounted. */
export interface MountOptions extends Omit<ProxyOptions, "isUnixSocket"> {
  /**
   * The path that the application is behind, from the root of the site: `/live`.
   *
   * It is cut off before routing: `/live/ws/chat` reaches the consumer `/ws/chat`. Handlers see the
   * whole URL. Without it, the application answers what its routes match.
   *
   * @default ""
   */
  readonly prefix?: string | undefined;
  /** @default silent */
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** Where it tells how it is, behind the prefix; `{}` is `/healthz` and `/readyz`. @default nowhere */
  readonly health?: HealthOptions | undefined;
  /** Over how long a stop spreads telling clients to come back, at most. @default 5_000 */
  readonly drainSpreadMs?: number | undefined;
}

const NAMES = optionNames<MountOptions>({
  prefix: true,
  logger: true,
  limits: true,
  health: true,
  drainSpreadMs: true,
  trustedProxies: true,
  proxyHeaders: true,
});

/** An application inside another framework's server. */
export interface Mount extends Service {
  /** Answers a request; returns `false`, and does nothing, when its path is not ours. */
  readonly handle: (request: NodeMessage, response: NodeResponse) => boolean;
  /** Answers a request, or calls `next` when its path is not ours: for Express and hooks of Fastify. */
  readonly middleware: (request: NodeMessage, response: NodeResponse, next: () => void) => void;
  /** Answers an upgrade; returns `false`, and leaves the socket alone, when its path is not ours. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  /**
   * Answers the upgrades of a Node HTTP server; returns what ends that.
   *
   * Upgrades to other paths are left to the server's other listeners; when there are none, they are
   * answered with 404, since nobody else would.
   */
  readonly attach: (server: EventEmitter) => () => void;
}

/**
 * Mounts an application in a server of another framework, behind a prefix.
 *
 * It runs at once. `stop` drains it as that of our own server does, and refuses what comes later with
 * 503; the server stays its owner's, to be closed afterwards.
 *
 * @throws {TidingsError} OPTION_INVALID for a prefix that is no path, or an option that nobody knows.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { application, createApp, feed, mount } from "tidings";
 *
 * const app = createApp({ name: "clock", broker: "memory:" });
 * const clock = feed({ path: "/clock", snapshot: () => Date.now() });
 * const live = mount(application({ app, routes: [clock] }), { prefix: "/live" });
 * const server = createServer((request, response) => {
 *   if (!live.handle(request, response)) response.end("my own pages");
 * });
 * live.attach(server);
 * server.listen(3000);
 * ```
 */
export function mount(application: Application, options: MountOptions = {}): Mount {
  return new NodeMount(application, options);
}

/** Answers requests and upgrades that a server of somebody else hands to it. */
class NodeMount implements Mount {
  readonly #engine: Engine;
  readonly #prefix: string;
  readonly #drainSpreadMs: number;
  #state: ServiceState = "running";
  #stopped: Promise<void> | undefined;

  constructor(application: Application, options: MountOptions) {
    assertKnownOptions("`mount`", options, NAMES);
    const { prefix = "", logger = silentLogger, drainSpreadMs = 5_000 } = options;
    if (!/^(?:\/[\w\-.~]+)*$/.test(prefix)) {
      throw invalidOption("prefix", "a path without a slash at its end, such as `/live`", prefix);
    }
    this.#prefix = prefix;
    this.#drainSpreadMs = assertDuration("drainSpreadMs", drainSpreadMs);
    const health = options.health ? behind(prefix, options.health) : false;
    this.#engine = new Engine(application, { ...options, logger, health });
  }

  get state(): ServiceState {
    return this.#state;
  }

  readonly handle = (request: NodeMessage, response: NodeResponse): boolean => {
    const url = fullUrl(request);
    if (!this.#answers(url)) return false;
    // Whoever watches over the process is told that it lives, and why it is not ready.
    const isHealth = this.#isHealth(toPathname(url));
    const refusal = isHealth ? undefined : (this.#refusal() ?? this.#refusalOfBody(request));
    if (refusal) {
      void sendResponse(response, refusal);
      return true;
    }
    // Express cuts off what a router is mounted behind; handlers see the whole URL.
    request.url = url;
    this.#engine.answer(request, response);
    return true;
  };

  readonly middleware = (request: NodeMessage, response: NodeResponse, next: () => void): void => {
    if (!this.handle(request, response)) next();
  };

  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): boolean => {
    const pathname = toPathname(fullUrl(request));
    // Nothing else can be behind our prefix: what no route matches is refused.
    const isOurs =
      this.#prefix === ""
        ? this.#engine.context.match(pathname) !== undefined
        : pathname.startsWith(`${this.#prefix}/`);
    if (!isOurs) return false;
    const refusal = this.#refusal();
    if (refusal) {
      socket.on("error", () => {}); // a client that is gone already would end the process
      void answerUpgrade(socket, refusal);
    } else this.#engine.answerUpgrade({ request, socket, head });
    return true;
  };

  readonly attach = (server: EventEmitter): (() => void) => joinUpgrades(server, this.upgrade);

  async start(): Promise<void> {}

  async stop(options: StopOptions = {}): Promise<void> {
    await (this.#stopped ??= this.#drain(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #drain({ signal }: StopOptions): Promise<void> {
    this.#state = "stopping";
    await this.#engine.drain({ spreadMs: this.#drainSpreadMs, signal });
    this.#state = "stopped";
  }

  #answers(url: string): boolean {
    const { context } = this.#engine;
    const pathname = toPathname(url);
    if (context.match(pathname) || this.#isHealth(pathname)) return true;
    // An application with pages of its own answers everything that is behind its prefix.
    return context.application.http !== undefined && pathname.startsWith(`${this.#prefix}/`);
  }

  #isHealth(pathname: string): boolean {
    const { context } = this.#engine;
    return context.health.isNamed(pathname) && !context.match(pathname);
  }

  #refusal(): Response | undefined {
    if (this.#state === "running") return undefined;
    return toErrorResponse({
      status: 503,
      code: "REQUEST_FAILED",
      message: "the server is stopping; ask again",
      headers: { "retry-after": "1", connection: "close" },
    });
  }

  /** Whoever waited for a body that was read before would wait for ever. */
  #refusalOfBody(request: NodeMessage): Response | undefined {
    const { headers, url, readableDidRead } = request;
    const hasBody = Number(headers["content-length"] ?? 0) > 0 || "transfer-encoding" in headers;
    if (!hasBody || !readableDidRead) return undefined;
    const message = "its body was read before; mount the application before what parses bodies";
    // Without the query: it may hold a token.
    this.#engine.context.logger.error({ url: url?.split("?")[0] }, `request failed: ${message}`);
    return toErrorResponse({ status: 500, code: "REQUEST_BODY_READ", message });
  }
}

/** The paths from the root of the site; named ones come before the application's pages. */
function behind(prefix: string, options: HealthOptions): HealthOptions {
  assertHealth(options);
  const { livePath = "/healthz", readyPath = "/readyz", checks } = options;
  return { livePath: prefix + livePath, readyPath: prefix + readyPath, checks };
}

function fullUrl(request: NodeMessage): string {
  const original: unknown = "originalUrl" in request ? request.originalUrl : undefined;
  return typeof original === "string" ? original : (request.url ?? "/");
}

function toPathname(url: string): string {
  return URL.parse(`http://localhost${url}`)?.pathname ?? "";
}
