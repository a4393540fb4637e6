import type { IncomingMessage, ServerResponse } from "node:http";

import type { Application } from "../app/index.ts";
import type { Logger } from "../core/logger.ts";
import type { Upgrade } from "../transports/index.ts";
import { handleRequest } from "./handle-request.ts";
import { handleUpgrade } from "./handle-upgrade.ts";
import { toLimits, type ServerLimits } from "./limits.ts";
import { createContext, type ServerContext } from "./server-context.ts";

/** Options of an {@link Engine}. */
export interface EngineOptions {
  readonly logger: Logger;
  readonly limits?: Partial<ServerLimits> | undefined;
  /** The path that everything is behind, without a slash at its end. @default "" */
  readonly prefix?: string | undefined;
}

/**
 * Answers the requests and upgrades of one application, whoever listens for them.
 *
 * Our own server and a framework's that the application is mounted in share it.
 */
export class Engine {
  readonly context: ServerContext;
  readonly #requests = new Map<ServerResponse, Promise<void>>();

  constructor(application: Application, { logger, limits, prefix = "" }: EngineOptions) {
    this.context = createContext(application, { logger, limits: toLimits(limits), prefix });
  }

  /** Answers a request. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    const answered = handleRequest(this.context, request, response);
    this.#requests.set(response, answered);
    void answered.finally(() => this.#requests.delete(response));
  }

  /** Answers a handshake. */
  answerUpgrade(upgrade: Upgrade): void {
    void handleUpgrade(this.context, upgrade);
  }

  /**
   * Asks open connections to come back (1001, end of stream), and waits until they are gone and what
   * runs is done. When the signal fires, what is left is cut off.
   */
  async drain(signal?: AbortSignal): Promise<void> {
    const { connections, live, sessions, sources } = this.context;
    await connections.closeAll(signal);
    sources.stop();
    live.stop();
    await untilAborted(
      Promise.allSettled([
        ...[...sessions].map((session) => session.whenOver()),
        ...this.#requests.values(),
      ]),
      signal,
    );
    if (!signal?.aborted) return;
    for (const response of this.#requests.keys()) response.destroy();
  }
}

async function untilAborted(promise: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  if (!signal) return void (await promise);
  if (signal.aborted) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await Promise.race([promise, aborted]);
}
