import type { QueueHost } from "./host.ts";
import { isRedisError, QueueSource, type QueuedMessage } from "./source.ts";

/** How many messages are taken at once when more than one waits. */
const BATCH = 128;

/** What a {@link ProcessReader} reads. */
export interface ProcessReaderOptions {
  /** The queue of this process, without the channel behind the `!`. */
  readonly key: string;
  readonly host: QueueHost;
  /** Is handed what was read, oldest first; it MUST NOT throw. */
  readonly onMessages: (messages: readonly QueuedMessage[]) => void;
}

/**
 * Reads the one queue of this process on one host, for as long as the layer is open.
 *
 * It belongs to no connection, so none that goes away can take a message of another with it.
 */
export class ProcessReader {
  readonly #source: QueueSource;
  readonly #onMessages: (messages: readonly QueuedMessage[]) => void;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;

  constructor({ key, host, onMessages }: ProcessReaderOptions) {
    this.#source = new QueueSource(host, key, this.#closing.signal);
    this.#onMessages = onMessages;
    this.#running = this.#run();
  }

  /** Cuts the connection: nobody is left to read for. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#source.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#read();
      } catch (error) {
        if (!isRedisError(error)) throw error;
        await this.#source.heal();
      }
    }
  }

  async #read(): Promise<void> {
    let messages = await this.#source.wait();
    while (messages.length > 0) {
      this.#onMessages(messages);
      messages = await this.#source.take(BATCH);
    }
  }
}
