import { setTimeout as delay } from "node:timers/promises";

/** A connection that stays open: a WebSocket or a stream. */
export interface OpenConnection {
  /** Shows the peer that we live, and finds out whether it does. */
  beat(): void;
  /** Asks the peer to come back after this time, if it can be told one, and closes. */
  goAway(retryMs: number): void;
  /** Closes at once. */
  destroy(): void;
}

/** How to close all connections. */
export interface CloseAllOptions {
  /** Over how long it is spread, at most. @default 0 */
  readonly spreadMs?: number | undefined;
  /** Cuts off what is left when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** Clients are told to go one by one, this far apart, and faster only when there are too many. */
const GAP_MS = 10;
/** How often the next ones are told: several at a time when there are many. */
const WAVE_MS = 20;
/** The shortest time after which a client is told to come back. */
const MIN_RETRY_MS = 1_000;

/** The connections that a server holds open: one timer keeps all of them alive. */
export class OpenConnections {
  readonly #heartbeatMs: number;
  readonly #connections = new Set<OpenConnection>();
  #timer: NodeJS.Timeout | undefined;
  #onEmpty: (() => void) | undefined;
  #isClosing = false;

  constructor(heartbeatMs: number) {
    this.#heartbeatMs = heartbeatMs;
  }

  /** Adds a connection, until {@link remove} is told that it is over. */
  add(connection: OpenConnection): void {
    if (this.#isClosing) connection.goAway(toRetry());
    this.#connections.add(connection);
    this.#timer ??= setInterval(() => this.#beat(), this.#heartbeatMs).unref();
  }

  remove(connection: OpenConnection): void {
    if (!this.#connections.delete(connection) || this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#onEmpty?.();
  }

  /**
   * Asks everybody to go, and waits until they have.
   *
   * They go in waves: what comes back all at once would be a burden for whoever takes over. When the
   * signal fires, those that are left are cut off.
   */
  async closeAll({ spreadMs = 0, signal }: CloseAllOptions = {}): Promise<void> {
    this.#isClosing = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cut = (): void => {
      for (const connection of this.#connections) connection.destroy();
      resolve();
    };
    if (signal?.aborted) cut();
    signal?.addEventListener("abort", cut, { once: true });
    await this.#sendAway(spreadMs, signal);
    this.#onEmpty = resolve;
    if (this.#connections.size === 0) resolve();
    await promise;
    signal?.removeEventListener("abort", cut);
  }

  async #sendAway(spreadMs: number, signal: AbortSignal | undefined): Promise<void> {
    const leaving = [...this.#connections];
    const durationMs = Math.min(spreadMs, leaving.length * GAP_MS);
    const startedAt = performance.now();
    let told = 0;
    while (told < leaving.length && !signal?.aborted) {
      const elapsed = performance.now() - startedAt;
      const share = elapsed < durationMs ? elapsed / durationMs : 1;
      const due = Math.min(leaving.length, Math.floor(share * leaving.length) + 1);
      for (; told < due; told++) {
        const connection = leaving[told];
        // It may have gone by itself.
        if (connection && this.#connections.has(connection)) connection.goAway(toRetry());
      }
      // The signal is looked at by the loop.
      if (told < leaving.length) await delay(WAVE_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** When the process has stood still, the answers of those who live are waiting to be read: they come first. */
  #beat(): void {
    setImmediate(() => {
      for (const connection of this.#connections) connection.beat();
    });
  }
}

/** Not all at the same time; but that they are told one after another spreads them already. */
function toRetry(): number {
  return Math.round(MIN_RETRY_MS * (1 + Math.random()));
}
