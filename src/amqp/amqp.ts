import { setTimeout as delay } from "node:timers/promises";

import { backoffMs } from "../core/backoff.ts";
import { toError } from "../core/errors.ts";
import { assertPositiveInteger } from "../core/options.ts";
import { AmqpUnavailable } from "./amqp-errors.ts";
import { AmqpSession } from "./amqp-session.ts";
import { parseAmqpUrls, type AmqpUrl } from "./amqp-url.ts";
import { loadAmqplib } from "./load-amqplib.ts";

/** How to speak TLS with RabbitMQ; the names are those of `node:tls`. */
export interface AmqpTlsOptions {
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
  readonly servername?: string | undefined;
}

/** The bounds of a connection, and what a URL cannot say. */
export interface AmqpOptions {
  readonly tls?: AmqpTlsOptions | undefined;
  /** Each side is taken for dead when nothing came for twice as long. @default 5_000 */
  readonly heartbeatMs?: number | undefined;
  /** How long one try to connect may take. @default 5_000 */
  readonly connectTimeoutMs?: number | undefined;
  /** How long `session` tries before it gives up, and a RabbitMQ without memory or disk is waited for. @default 5_000 */
  readonly sessionTimeoutMs?: number | undefined;
}

const BACKOFF = { baseMs: 100, maxMs: 2_000 };

/**
 * A connection to RabbitMQ that is made when it is needed, and anew after it broke.
 *
 * Of several URLs the one that worked last is tried first. States: idle → opening → open → idle, and
 * closed for good.
 */
export class Amqp implements AsyncDisposable {
  readonly #tls: AmqpTlsOptions | undefined;
  readonly #heartbeatMs: number;
  readonly #connectTimeoutMs: number;
  readonly #sessionTimeoutMs: number;
  readonly #listeners = new Set<() => void>();
  #urls: readonly AmqpUrl[];
  #session: Promise<AmqpSession> | undefined;
  #trouble: AmqpUnavailable | undefined;
  readonly #closing = new AbortController();

  constructor(url: string, options: AmqpOptions = {}) {
    const { heartbeatMs = 5_000, connectTimeoutMs = 5_000, sessionTimeoutMs = 5_000 } = options;
    this.#urls = parseAmqpUrls(url);
    this.#tls = options.tls;
    this.#heartbeatMs = assertPositiveInteger("heartbeatMs", heartbeatMs);
    this.#connectTimeoutMs = assertPositiveInteger("connectTimeoutMs", connectTimeoutMs);
    this.#sessionTimeoutMs = assertPositiveInteger("sessionTimeoutMs", sessionTimeoutMs);
  }

  /** Whether it is closed, for good. */
  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Why the last try to connect failed. */
  get trouble(): AmqpUnavailable | undefined {
    return this.#trouble;
  }

  /**
   * Returns the connection, once there is one.
   *
   * @throws {AmqpUnavailable} saying why there is none after `sessionTimeoutMs`.
   */
  async session(): Promise<AmqpSession> {
    const opening = (this.#session ??= this.#open());
    try {
      return await opening;
    } catch (error) {
      if (this.#session === opening) this.#session = undefined;
      throw error;
    }
  }

  /** Calls the listener when the connection has broken, until the returned function is called. */
  onBreak(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.#closing.abort();
    this.#listeners.clear();
    try {
      const session = await this.#session;
      await session?.close();
    } catch {
      // What could not be opened needs no closing.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(): Promise<AmqpSession> {
    const { signal } = this.#closing;
    const giveUpAt = performance.now() + this.#sessionTimeoutMs;
    for (let failures = 0; ; failures++) {
      if (signal.aborted) throw new AmqpUnavailable("the connection to RabbitMQ is closed");
      const waitMs = backoffMs(failures, BACKOFF);
      try {
        return await this.#dialFirst();
      } catch (error) {
        if (performance.now() + waitMs > giveUpAt) throw error;
      }
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #dialFirst(): Promise<AmqpSession> {
    let lastError: unknown;
    for (const url of this.#urls) {
      try {
        const session = await this.#dial(url);
        this.#urls = [url, ...this.#urls.filter((other) => other !== url)];
        return session;
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError;
  }

  async #dial({ isTls, ...url }: AmqpUrl): Promise<AmqpSession> {
    const { signal } = this.#closing;
    const socket = new AbortController();
    const drop = (): void => socket.abort();
    signal.addEventListener("abort", drop);
    try {
      const model = await loadAmqplib().connect(
        {
          ...url,
          protocol: isTls ? "amqps" : "amqp",
          heartbeat: Math.ceil(this.#heartbeatMs / 1_000),
        },
        {
          ...this.#tls,
          noDelay: true,
          timeout: this.#connectTimeoutMs,
          signal: socket.signal,
          clientProperties: { connection_name: `tidings ${process.pid}` },
        },
      );
      this.#trouble = undefined;
      const patienceMs = this.#sessionTimeoutMs;
      return new AmqpSession(model, { onClose: () => this.#onBreak(), drop, patienceMs });
    } catch (error) {
      const where = `${url.hostname}:${url.port}`;
      this.#trouble = new AmqpUnavailable(
        `cannot connect to RabbitMQ at ${where}: ${reasonOf(error, url.vhost)}`,
        error,
      );
      throw this.#trouble;
    } finally {
      signal.removeEventListener("abort", drop);
    }
  }

  #onBreak(): void {
    this.#session = undefined;
    for (const listener of this.#listeners) listener();
  }
}

/** What amqplib says of a virtual host that is refused names two frames. */
function reasonOf(error: unknown, vhost: string): string {
  const { message } = toError(error);
  if (!message.startsWith("Expected ConnectionOpenOk")) return message;
  return `its virtual host ${JSON.stringify(vhost)} is not there, or the user may not use it`;
}
