import { BoundedQueue } from "../core/bounded-queue.ts";
import { TidingsError, toError } from "../core/errors.ts";
import { isServerEnvelope, SUBPROTOCOL } from "../protocol/index.ts";
import { PendingAnswers } from "./pending-answers.ts";
import { reconnecting, type Attempt } from "./reconnecting.ts";
import { socketMessages } from "./socket-messages.ts";
import type { Status, StatusChange, StatusListener } from "./status.ts";
import type { TokenSource } from "./token.ts";
import { Traffic } from "./traffic.ts";

/** What a client connects to, of which it knows nothing but what it takes and sends. */
export interface ConsumerTypes {
  readonly types?:
    | { readonly receives: unknown; readonly events: unknown; readonly replies: unknown }
    | undefined;
}

/** What a client may send to a consumer. */
export type MessageTo<TConsumer extends ConsumerTypes> = TConsumer extends {
  readonly types?: { readonly receives: infer TReceives } | undefined;
}
  ? TReceives
  : unknown;

/** What a consumer replies to a message: one type, or that of the message's `type`. */
export type ReplyTo<TConsumer extends ConsumerTypes, TMessage> = TConsumer extends {
  readonly types?: { readonly replies: infer TReplies } | undefined;
}
  ? TMessage extends { readonly type: infer TType extends keyof TReplies }
    ? TReplies[TType]
    : TReplies
  : unknown;

/** What the server says when a message was no JSON, or did not fit the consumer's schema. */
export interface ErrorMessage {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  readonly issues: readonly { readonly path: string; readonly message: string }[];
}

/** An event of which nothing but its type is known. */
export interface AnyEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a consumer may send: its events, and `error`. */
export type EventFrom<TConsumer extends ConsumerTypes> =
  | ErrorMessage
  | (TConsumer extends { readonly types?: { readonly events: infer TEvents } | undefined }
      ? unknown extends TEvents
        ? AnyEvent
        : TEvents
      : AnyEvent);

/** The one of several events that has this type. */
export type EventNamed<TEvents, TType extends string> = TEvents extends {
  readonly type: infer TName;
}
  ? TType extends TName
    ? TEvents
    : never
  : never;

/** The types of several events. */
export type TypeOf<TEvents> = TEvents extends { readonly type: infer TName extends string }
  ? TName
  : never;

/** What a {@link ClientConnection} is made with. */
export interface ClientConnectionOptions {
  readonly url: URL;
  readonly token?: TokenSource | undefined;
  /** Closes the connection. */
  readonly signal?: AbortSignal | undefined;
  readonly onStatus?: StatusListener | undefined;
  /** For a server that does not speak our subprotocol, as Channels: no answers to messages. */
  readonly plain?: boolean | undefined;
}

/** How to ask for a reply. */
export interface AskOptions {
  /** How long the answer may take, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
}

/** Far more than a page sends between a click and a handshake. */
const MAX_WAITING = 100;
/** What a socket may hold that the network has not taken. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
/** Messages are handed on as they come; these are what one turn of the event loop may bring. */
const MAX_BUFFERED = 10_000;

const ANSWER_TIMEOUT_MS = 10_000;

/**
 * A connection to a consumer that comes back by itself; its {@link Status} has the table.
 *
 * What the server sends while it is away is lost, unless the consumer's groups have a history: then it
 * comes when the connection does, or a message of the type `reset` says that it cannot. Else ask for
 * what was missed whenever the status becomes `open`. It does not come back when the server closed it normally
 * (1000) or refused it (1008, 4400 to 4499, or an HTTP status below 500).
 */
export class ClientConnection<TConsumer extends ConsumerTypes = ConsumerTypes> {
  readonly #url: URL;
  readonly #token: TokenSource | undefined;
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;
  readonly #listeners = new Map<string, Set<(event: unknown) => void>>();
  readonly #messageListeners = new Set<(message: unknown) => void>();
  readonly #statusListeners = new Set<StatusListener>();
  readonly #byteListeners = new Set<(bytes: Uint8Array) => void>();
  /** What waits for the outcome of an attempt to connect. */
  readonly #waiting = new BoundedQueue<() => void>(MAX_WAITING);
  readonly #answers = new PendingAnswers();
  readonly #protocols: readonly string[];
  #change: StatusChange = { status: "connecting" };
  #socket: WebSocket | undefined;
  /** Where it is in the histories of the consumer's groups. */
  #cursor: string | undefined;

  constructor({ url, token, signal, onStatus, plain = false }: ClientConnectionOptions) {
    this.#url = url;
    this.#token = token;
    this.#protocols = plain ? [] : [SUBPROTOCOL];
    this.#signal = AbortSignal.any([this.#closed.signal, ...(signal ? [signal] : [])]);
    if (onStatus) this.onStatus(onStatus);
    void this.#run();
  }

  get status(): Status {
    return this.#change.status;
  }

  /** Calls back for every event of a type; returns what stops it. */
  on<TType extends TypeOf<EventFrom<TConsumer>>>(
    type: TType,
    listener: (event: EventNamed<EventFrom<TConsumer>, TType>) => void,
  ): () => void {
    let listeners = this.#listeners.get(type);
    if (!listeners) this.#listeners.set(type, (listeners = new Set()));
    // oxlint-disable-next-line no-unsafe-type-assertion -- here the consumer's types are believed
    return add(listeners, listener as (event: unknown) => void);
  }

  /** Calls back for every message, before the listeners of its type; returns what stops it. */
  onMessage(listener: (message: unknown) => void): () => void {
    return add(this.#messageListeners, listener);
  }

  /** Calls back for every binary message; returns what stops it. */
  onBytes(listener: (bytes: Uint8Array) => void): () => void {
    return add(this.#byteListeners, listener);
  }

  /** Calls back for every change of status; returns what stops it. */
  onStatus(listener: StatusListener): () => void {
    return add(this.#statusListeners, listener);
  }

  /**
   * Sends a message, in the order of the calls; settles when the server has acted on it.
   *
   * While connecting it waits for the outcome. Nothing is kept for a later connection: who sends again
   * when the status is `open` decides what is still wanted then. Over a plain connection it settles
   * when the browser has taken it, as nobody says more.
   *
   * @throws {TidingsError} CLIENT_CLOSED when there is no connection, or none any more before the answer
   *   came, CLIENT_TIMEOUT when it takes more than 10 s, CLIENT_OVERLOADED when 100 messages wait for a
   *   connection, 1,000 for their answers or 4 MiB for the network, MESSAGE_INVALID for what JSON cannot
   *   carry or the consumer does not take, REQUEST_FAILED when its handler failed.
   */
  async send(message: MessageTo<TConsumer>): Promise<void> {
    const text = toText(message);
    await this.#whenConnected(async () => {
      if (this.#isPlain) this.#write(text);
      else await this.#ask(text, ANSWER_TIMEOUT_MS);
    });
  }

  /**
   * Sends a message and returns the consumer's reply to it; see {@link send}.
   *
   * @throws {TidingsError} CLIENT_PROTOCOL over a plain connection, besides what `send` throws.
   */
  async request<TMessage extends MessageTo<TConsumer>>(
    message: TMessage,
    { timeoutMs = ANSWER_TIMEOUT_MS }: AskOptions = {},
  ): Promise<ReplyTo<TConsumer, TMessage>> {
    const text = toText(message);
    const reply = await this.#whenConnected(async () => {
      if (!this.#isPlain) return await this.#ask(text, timeoutMs);
      throw new TidingsError("CLIENT_PROTOCOL", `expected the server to speak ${SUBPROTOCOL}`);
    });
    // oxlint-disable-next-line no-unsafe-type-assertion -- here the consumer's types are believed
    return reply as ReplyTo<TConsumer, TMessage>;
  }

  /** Sends a binary message; settles when the browser has taken it. Throws as `send` does. */
  async sendBytes(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#whenConnected(async () => this.#write(bytes));
  }

  /** Closes the connection for good. */
  close(): void {
    this.#closed.abort();
  }

  /** Never throws: how it goes is the status. */
  async #run(): Promise<void> {
    const traffic = new Traffic();
    const attempt: Attempt<unknown> = ({ opened, signal }) =>
      socketMessages({
        url: withCursor(this.#url, this.#cursor),
        protocols: this.#protocols,
        token: this.#token,
        signal,
        traffic,
        maxBuffered: MAX_BUFFERED,
        onOpen: (socket) => {
          this.#socket = socket;
          socket.binaryType = "arraybuffer";
          opened();
        },
      });
    try {
      const messages = reconnecting(attempt, {
        signal: this.#signal,
        onStatus: (change) => this.#enter(change),
      });
      for await (const frame of messages) this.#receive(frame);
    } catch {
      // The status has said why, to everybody who listens.
    }
  }

  get #isPlain(): boolean {
    return this.#socket?.protocol !== SUBPROTOCOL;
  }

  /** Acts at once, or when an attempt to connect has had its outcome: in the order of the calls. */
  async #whenConnected<TResult>(act: () => Promise<TResult>): Promise<TResult> {
    if (this.#change.status !== "connecting") return await act();
    return await new Promise<TResult>((resolve, reject) => {
      if (this.#waiting.push(() => resolve(act()))) return;
      reject(
        new TidingsError("CLIENT_OVERLOADED", `expected at most ${MAX_WAITING} messages to wait`),
      );
    });
  }

  async #ask(json: string, timeoutMs: number): Promise<unknown> {
    return await this.#answers.ask((id) => this.#write(`{"id":${id},"data":${json}}`), timeoutMs);
  }

  #write(data: string | Uint8Array<ArrayBuffer>): void {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) {
      throw new TidingsError("CLIENT_CLOSED", `expected an open connection, it is ${this.status}`);
    }
    if (socket.bufferedAmount > MAX_UNSENT_BYTES) {
      throw new TidingsError(
        "CLIENT_OVERLOADED",
        "expected the network to take what was sent before",
      );
    }
    socket.send(data);
  }

  #enter(change: StatusChange): void {
    this.#change = change;
    if (change.status !== "open") {
      this.#socket = undefined;
      this.#answers.failAll();
    }
    if (change.status !== "connecting") this.#wakeWaiting();
    for (const listener of this.#statusListeners) call(listener, change);
  }

  #wakeWaiting(): void {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) next();
  }

  /** Takes a frame of the server: over a plain connection, a message; else what is in the envelope. */
  #receive(frame: unknown): void {
    if (frame instanceof Uint8Array) return this.#hearBytes(frame);
    if (this.#isPlain) return this.#dispatch(frame);
    if (!isServerEnvelope(frame)) {
      throw new TidingsError("CLIENT_PROTOCOL", "expected an envelope");
    }
    const { ack, data, error, cursor, reset } = frame;
    this.#cursor = cursor ?? this.#cursor;
    if (ack !== undefined) this.#answers.answer(ack, data, error);
    else if (error) this.#dispatch({ type: "error", ...error });
    else if (reset) this.#dispatch({ type: "reset", ...reset });
    else if ("data" in frame) this.#dispatch(data);
  }

  #hearBytes(bytes: Uint8Array): void {
    for (const listener of this.#byteListeners) call(listener, bytes);
  }

  #dispatch(message: unknown): void {
    for (const listener of this.#messageListeners) call(listener, message);
    const listeners = hasType(message) ? this.#listeners.get(message.type) : undefined;
    for (const listener of listeners ?? []) call(listener, message);
  }
}

function hasType(message: unknown): message is { readonly type: string } {
  return (
    typeof message === "object" &&
    message !== null &&
    "type" in message &&
    typeof message.type === "string"
  );
}

function toText(message: unknown): string {
  const text: string | undefined = JSON.stringify(message);
  if (text !== undefined) return text;
  throw new TidingsError("MESSAGE_INVALID", "expected a message that JSON can carry");
}

function add<TListener>(listeners: Set<TListener>, listener: TListener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** What a listener throws reaches the page's error handling, and keeps no other from being called. */
function call<TValue>(listener: (value: TValue) => void, value: TValue): void {
  try {
    listener(value);
  } catch (thrown) {
    queueMicrotask(() => {
      throw toError(thrown);
    });
  }
}

function withCursor(url: URL, cursor: string | undefined): URL {
  if (cursor === undefined) return url;
  const target = new URL(url);
  target.searchParams.set("cursor", cursor);
  return target;
}
