import { isTidingsError, toError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ChannelLayer } from "../layers/index.ts";

/** What a {@link LayerWatch} needs. */
export interface LayerWatchOptions {
  /** The layer's name, for the log. */
  readonly name: string;
  readonly layer: ChannelLayer;
  readonly logger: Logger;
}

/** How often the layer is asked; one question at a time. */
const INTERVAL_MS = 2_000;

/**
 * Notices when what a layer depends on goes away, and when it is back, and logs each once.
 *
 * Waiting for a message cannot tell: a layer that waits for its server to come back just waits.
 */
export class LayerWatch {
  readonly #options: LayerWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  #failingSince: number | undefined;

  constructor(options: LayerWatchOptions) {
    this.#options = options;
  }

  /** Since when the layer cannot be reached, in milliseconds since 1970; `undefined` while it can. */
  get failingSince(): number | undefined {
    return this.#failingSince;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#ask(), INTERVAL_MS).unref();
    void this.#ask();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await this.#options.layer.check();
      if (this.#timer) this.#onAnswer();
    } catch (thrown) {
      if (this.#timer) this.#onFailure(thrown);
    }
    this.#isAsking = false;
  }

  #onFailure(thrown: unknown): void {
    if (this.#failingSince !== undefined) return;
    this.#failingSince = Date.now();
    // Its channels say that it has been closed.
    if (isTidingsError(thrown, "LAYER_CLOSED")) return;
    const { name, logger } = this.#options;
    logger.error({ err: toError(thrown), layer: name }, "the layer cannot be reached");
  }

  #onAnswer(): void {
    if (this.#failingSince === undefined) return;
    const { name, logger } = this.#options;
    const outageMs = Date.now() - this.#failingSince;
    this.#failingSince = undefined;
    logger.info({ layer: name, outageMs }, "the layer is reached again");
  }
}
