import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import type { Application } from "../app/index.ts";
import { isRecord } from "../core/is-record.ts";
import type { Logger } from "../core/logger.ts";
import { wrongKind } from "../core/options.ts";
import { SocketResponse, type Upgrade } from "../transports/index.ts";
import { handleRequest } from "./handle-request.ts";
import { handleUpgrade } from "./handle-upgrade.ts";
import type { HealthOptions } from "./health.ts";
import { isStreamRequest } from "./is-stream-request.ts";
import { toLimits, type ServerLimits } from "./limits.ts";
import type { NodeMessage } from "./node-message.ts";
import { reportIncidents } from "./report-incidents.ts";
import type { Outgoing } from "./send-response.ts";
import { createContext, type ServerContext } from "./server-context.ts";
import type { ProxyOptions } from "./trusted-proxies.ts";

/** Options of an {@link Engine}. */
export interface EngineOptions extends ProxyOptions {
  readonly logger: Logger;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** The path that everything is behind, without a slash at its end. @default "" */
  readonly prefix?: string | undefined;
  readonly health?: HealthOptions | false | undefined;
}

/** How an {@link Engine} ends what stays open. */
export interface DrainOptions {
  /** Over how long clients are told to come back, at most. @default 0 */
  readonly spreadMs?: number | undefined;
  /** Cuts off what is left when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Answers the requests and upgrades of one application, whoever listens for them.
 *
 * Our own server and a framework's that the application is mounted in share it.
 */
export class Engine {
  readonly context: ServerContext;
  readonly #requests = new Map<Outgoing, Promise<void>>();
  readonly #endReports: readonly (() => void)[];

  constructor(application: Application, options: EngineOptions) {
    assertApplication(application);
    const { logger, prefix = "", health } = options;
    const limits = toLimits(options.limits);
    this.context = createContext(application, { logger, limits, prefix, proxies: options, health });
    const layers = [...application.app.layers.values()];
    this.#endReports = layers.map((layer) => reportIncidents(layer, logger));
  }

  /** Answers a request. */
  answer(request: NodeMessage, response: Outgoing): void {
    const answered = handleRequest(this.context, request, response);
    this.#requests.set(response, answered);
    void answered.finally(() => this.#requests.delete(response));
  }

  /** Whether a request is one for a stream, which needs nothing of Node's but the socket. */
  isStream(request: IncomingMessage): boolean {
    return isStreamRequest(this.context, request);
  }

  /** Answers a request for a stream. */
  answerStream(request: IncomingMessage, socket: Duplex): void {
    this.answer(request, new SocketResponse(socket));
  }

  /** Answers a handshake. */
  answerUpgrade(upgrade: Upgrade): void {
    void handleUpgrade(this.context, upgrade);
  }

  /**
   * Asks open connections to come back (1001, end of stream), and waits until they are gone and what
   * runs is done. When the signal fires, what is left is cut off.
   */
  async drain({ spreadMs, signal }: DrainOptions = {}): Promise<void> {
    const { connections, health, held, live, sessions, sources } = this.context;
    health.isDraining = true;
    await connections.closeAll({ spreadMs, signal });
    sources.stop();
    live.stop();
    await untilAborted(
      Promise.allSettled([
        ...[...sessions].map((session) => session.whenOver()),
        ...this.#requests.values(),
      ]),
      signal,
    );
    held.stop();
    for (const end of this.#endReports) end();
    if (!signal?.aborted) return;
    for (const response of this.#requests.keys()) response.destroy();
  }
}

function assertApplication(application: unknown): void {
  if (isRecord(application) && application["kind"] === "application") return;
  throw wrongKind("application", "what `application({ … })` makes", application);
}

async function untilAborted(promise: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  if (!signal) return void (await promise);
  if (signal.aborted) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await Promise.race([promise, aborted]);
}
