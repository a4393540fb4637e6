/** A connection that stays open: a WebSocket or a stream. */
export interface OpenConnection {
  /** Shows the peer that we live, and finds out whether it does. */
  beat(): void;
  /** Asks the peer to come back later, and closes. */
  goAway(): void;
  /** Closes at once. */
  destroy(): void;
}

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

  /** Adds a connection; returns what takes it out again. */
  add(connection: OpenConnection): () => void {
    if (this.#isClosing) connection.goAway();
    this.#connections.add(connection);
    this.#timer ??= setInterval(() => this.#beat(), this.#heartbeatMs).unref();
    return () => {
      if (!this.#connections.delete(connection) || this.#connections.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#onEmpty?.();
    };
  }

  /** Asks everybody to go, and waits until they have; when the signal fires, cuts them off. */
  async closeAll(signal?: AbortSignal): Promise<void> {
    this.#isClosing = true;
    for (const connection of this.#connections) connection.goAway();
    if (this.#connections.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    const cut = (): void => {
      for (const connection of this.#connections) connection.destroy();
      resolve();
    };
    if (signal?.aborted) cut();
    signal?.addEventListener("abort", cut, { once: true });
    await promise;
    signal?.removeEventListener("abort", cut);
  }

  #beat(): void {
    for (const connection of this.#connections) connection.beat();
  }
}
