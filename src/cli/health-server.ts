import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

import { Option } from "commander";

import { TidingsError, toError } from "../core/errors.ts";
import type { QueueContents, Worker } from "../tasks/index.ts";
import { integer } from "./options.ts";

/** What the command line says of where a worker tells how it is. */
export interface HealthServerOptions {
  readonly healthPort?: number | undefined;
  readonly healthHost: string;
}

/** The worker that is asked about, and what its broker is asked with. */
export interface HealthSubject {
  readonly worker: Worker;
  readonly queues: QueueContents;
}

/** How long the broker may take to answer whoever asks. */
const CHECK_TIMEOUT_MS = 2_000;
/** A worker that has asked its broker in vain for so long is better started again. */
const MAX_SILENCE_MS = 60_000;

export function healthOptions(): readonly Option[] {
  return [
    new Option(
      "--health-port <port>",
      "answer /healthz and /readyz here; 0 takes a free one (default: nowhere)",
    ).argParser(integer(0, 65_535)),
    new Option("--health-host <address>", "address for --health-port").default("127.0.0.1"),
  ];
}

/**
 * Says over HTTP how a worker is, in the server's words.
 *
 * `/healthz` is 200 while its fetch comes back, `/readyz` while it takes messages and the broker answers;
 * else they are 503 with the reasons.
 */
export class HealthServer implements AsyncDisposable {
  readonly #subject: HealthSubject;
  readonly #server: Server;
  /** What the broker says, while it is asked. */
  #asking: Promise<string | undefined> | undefined;

  private constructor(subject: HealthSubject) {
    this.#subject = subject;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    // Probes come often, from few; none may hold a connection.
    this.#server.keepAliveTimeout = 1_000;
    this.#server.maxConnections = 100;
  }

  /**
   * Starts to answer.
   *
   * @throws {TidingsError} SERVER_PORT_IN_USE, or OPTION_INVALID where it cannot listen.
   */
  static async start(subject: HealthSubject, options: HealthServerOptions): Promise<HealthServer> {
    const { healthPort, healthHost } = options;
    const server = new HealthServer(subject);
    server.#server.listen(healthPort, healthHost);
    try {
      await once(server.#server, "listening");
    } catch (error) {
      throw toListenError(toError(error), options);
    }
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || !address) return "";
    const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Never rejects. */
  async #answer({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("cache-control", "no-store");
    const [path] = (url ?? "").split("?");
    if (method !== "GET" && method !== "HEAD") send(response, 405, { status: "not allowed" });
    else if (path === "/healthz") this.#answerLive(response);
    else if (path === "/readyz") sendReasons(response, await this.#reasons(), { status: "ready" });
    else send(response, 404, { status: "not found" });
  }

  #answerLive(response: ServerResponse): void {
    const { failure: _, silentMs, ...health } = this.#subject.worker.health();
    const reasons =
      silentMs > MAX_SILENCE_MS ? [`broker: no answer for ${Math.round(silentMs / 1_000)} s`] : [];
    sendReasons(response, reasons, {
      status: "ok",
      worker: this.#subject.worker.name,
      ...health,
      silentMs: Math.round(silentMs),
    });
  }

  /** Why it does not carry out tasks now. */
  async #reasons(): Promise<readonly string[]> {
    const { state, failure } = this.#subject.worker.health();
    if (state !== "running") return [state];
    if (failure) return [`broker: ${toReason(failure)}`];
    // Those who ask meanwhile share the answer.
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    const reason = await this.#asking;
    return reason === undefined ? [] : [`broker: ${reason}`];
  }

  async #ask(): Promise<string | undefined> {
    const { worker, queues } = this.#subject;
    const { promise: late, resolve: giveUp } = Promise.withResolvers<string>();
    const timer = setTimeout(
      () => giveUp(`no answer within ${CHECK_TIMEOUT_MS} ms`),
      CHECK_TIMEOUT_MS,
    );
    try {
      const [queue = ""] = worker.queues;
      return await Promise.race([queues.count(queue).then(() => undefined), late]);
    } catch (error) {
      return toReason(toError(error));
    } finally {
      clearTimeout(timer);
    }
  }
}

function toListenError(error: Error, { healthHost, healthPort }: HealthServerOptions): Error {
  const code = "code" in error ? String(error.code) : error.message;
  if (code === "EADDRINUSE") {
    return new TidingsError(
      "SERVER_PORT_IN_USE",
      `port ${healthPort} on ${healthHost} is in use; choose another with --health-port`,
    );
  }
  return new TidingsError(
    "OPTION_INVALID",
    `cannot listen on ${healthHost}:${healthPort} (${code}); choose another --health-host or --health-port`,
    { cause: error },
  );
}

/** Whoever asks may be anybody: an error that is not ours is not told in full. */
function toReason(error: Error): string {
  return error instanceof TidingsError ? error.message : "failed";
}

function sendReasons(response: ServerResponse, reasons: readonly string[], well: object): void {
  if (reasons.length === 0) send(response, 200, well);
  else send(response, 503, { status: "unavailable", reasons });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
