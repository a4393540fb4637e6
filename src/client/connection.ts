import { TidingsError } from "../core/errors.ts";
import type { ResetReason } from "../protocol/index.ts";
import type { ConnectOptions, ResetListener } from "./connect-options.ts";
import type {
  ConsumerTypes,
  EventFrom,
  EventNamed,
  MessageTo,
  ReplyTo,
  TypeOf,
} from "./consumer-types.ts";
import { Conversation, OF_TYPE } from "./conversation.ts";
import { Listeners } from "./listeners.ts";
import type { Status, StatusListener } from "./status.ts";

interface Reset {
  readonly reason: ResetReason | "connection-gone";
  readonly recovered?: boolean | undefined;
}

/** What a {@link ClientConnection} is made with. */
export interface ClientConnectionOptions extends ConnectOptions {
  readonly url: URL;
}

/** How to send. */
export interface SendOptions {
  /** How long it may take, the wait for a connection included, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
}

/** Far more than a page sends between a click and a handshake. */
const MAX_WAITING = 100;
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * A connection to a consumer that comes back by itself; its {@link Status} has the table.
 *
 * It comes back to the same connection of the server, over whatever transport works, and then nothing is
 * lost or repeated, in either direction. When that is not possible any more (it was away for more than
 * half a minute, or the server was restarted) it begins another one, and `onReset` is told. It does not
 * come back when the server closed it normally (1000) or refused it (1008, 4400 to 4499, or an HTTP
 * status below 500).
 */
export class ClientConnection<TConsumer extends ConsumerTypes = ConsumerTypes> {
  readonly #closed = new AbortController();
  readonly #listeners = new Listeners();
  readonly #conversation: Conversation;

  constructor({ signal, onStatus, onReset, queue, ...options }: ClientConnectionOptions) {
    this.#conversation = new Conversation({
      ...options,
      signal: AbortSignal.any([this.#closed.signal, ...(signal ? [signal] : [])]),
      maxWaiting: queue?.maxMessages ?? MAX_WAITING,
      listeners: this.#listeners,
    });
    if (onStatus) this.onStatus(onStatus);
    if (onReset) this.onReset(onReset);
    void this.#conversation.run();
  }

  get status(): Status {
    return this.#conversation.status;
  }

  /** Calls back for every event of a type; returns what stops it. */
  on<TType extends TypeOf<EventFrom<TConsumer>>>(
    type: TType,
    listener: (event: EventNamed<EventFrom<TConsumer>, TType>) => void,
  ): () => void {
    return this.#listeners.add(OF_TYPE + type, listener);
  }

  /** Calls back for every message, before the listeners of its type; returns what stops it. */
  onMessage(listener: (message: unknown) => void): () => void {
    return this.#listeners.add("message", listener);
  }

  /** Calls back for every binary message; returns what stops it. */
  onBytes(listener: (bytes: Uint8Array) => void): () => void {
    return this.#listeners.add("bytes", listener);
  }

  /** Calls back for every change of status; returns what stops it. */
  onStatus(listener: StatusListener): () => void {
    return this.#listeners.add("status", listener);
  }

  /** Calls back whenever something that was sent cannot be told any more; returns what stops it. */
  onReset(listener: ResetListener): () => void {
    return this.#listeners.add("reset", ({ reason, recovered = false }: Reset) =>
      listener(reason, recovered),
    );
  }

  /**
   * Sends a message, in the order of the calls; settles when the server has acted on it.
   *
   * While there is no connection it waits for one. When the connection breaks before the answer came, it
   * is sent again under the same id, and the server acts on it once. Over a plain connection it settles
   * when the browser has taken it, as nobody says more.
   *
   * @throws {TidingsError} CLIENT_TIMEOUT when it takes too long, CLIENT_CLOSED when the connection is
   *   closed, or when it was sent and the server's connection is gone, so that nobody can say what became
   *   of it; CLIENT_OVERLOADED when `queue.maxMessages` wait for a connection, 1,000 or 4 MiB for their
   *   answers, MESSAGE_INVALID for what JSON cannot carry or the consumer does not take,
   *   MESSAGE_TOO_LARGE, REQUEST_FAILED when its handler failed.
   */
  async send(message: MessageTo<TConsumer>, options?: SendOptions): Promise<void> {
    await this.#send(toText(message), options);
  }

  /**
   * Sends a message and returns the consumer's reply to it; see {@link send}.
   *
   * @throws {TidingsError} CLIENT_PROTOCOL over a plain connection, besides what `send` throws.
   */
  async request<TMessage extends MessageTo<TConsumer>>(
    message: TMessage,
    options?: SendOptions,
  ): Promise<ReplyTo<TConsumer, TMessage>> {
    const reply = await this.#send(toText(message), options, true);
    // oxlint-disable-next-line no-unsafe-type-assertion -- here the consumer's types are believed
    return reply as ReplyTo<TConsumer, TMessage>;
  }

  /** Sends a binary message, as `send` does. */
  async sendBytes(bytes: Uint8Array<ArrayBuffer>, options?: SendOptions): Promise<void> {
    await this.#send(bytes, options);
  }

  /** Closes the connection for good. */
  close(): void {
    this.#closed.abort();
  }

  async #send(
    data: string | Uint8Array<ArrayBuffer>,
    { timeoutMs = ANSWER_TIMEOUT_MS }: SendOptions = {},
    isQuestion = false,
  ): Promise<unknown> {
    return await this.#conversation.outgoing.add(data, isQuestion, timeoutMs);
  }
}

function toText(message: unknown): string {
  const text: string | undefined = JSON.stringify(message);
  if (text !== undefined) return text;
  throw new TidingsError("MESSAGE_INVALID", "expected a message that JSON can carry");
}
