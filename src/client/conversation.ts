import { TidingsError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import { assertPositiveInteger, invalidOption } from "../core/options.ts";
import { isServerEnvelope, SUBPROTOCOL, type ServerEnvelope } from "../protocol/index.ts";
import { onEndOfPage } from "./browser.ts";
import { overPlainSocket, overPost, overSocket } from "./carriers.ts";
import type { ConnectOptions } from "./connect-options.ts";
import { countTraffic } from "./count-traffic.ts";
import type { Listeners } from "./listeners.ts";
import { Outgoing, type Carrier } from "./outgoing.ts";
import { reconnecting, type Attempt, type AttemptOptions } from "./reconnecting.ts";
import { judgeClose } from "./refusal.ts";
import { withParameter } from "./resolve-url.ts";
import type { AttemptChange, Closing, Status } from "./status.ts";
import { overTransports } from "./transports/over-transports.ts";
import { request } from "./transports/request.ts";
import {
  transportNames,
  type TransportName,
  type TransportNames,
} from "./transports/transport-names.ts";
import { ENDED, type TransportRequest } from "./transports/transport.ts";

/** What a {@link Conversation} is made with. */
export interface ConversationOptions extends Pick<
  ConnectOptions,
  "token" | "transport" | "pollMs" | "onTraffic" | "plain"
> {
  readonly url: URL;
  readonly maxWaiting: number;
  readonly signal: AbortSignal;
  /**
   * Told of what comes: "message", "bytes", "reset" and why, "status", and messages of a type by
   * {@link OF_TYPE}.
   */
  readonly listeners: Listeners;
}

/** Before the type of a message. */
export const OF_TYPE = "type:";

/** Messages are handed on as they come; these are what one turn of the event loop may bring. */
const MAX_BUFFERED = 10_000;
const POLL_MS = 5_000;
/** After so long without a poll the server ends the connection. */
const MAX_POLL_MS = 30_000;
/** Of a WebSocket: a message was too large. */
const TOO_LARGE = 1009;
const GOODBYE_MS = 5_000;

/**
 * One connection of a consumer, over whatever carries it, one attempt after another.
 *
 * It remembers what the server calls the connection and the last frame that came, to go on there; and
 * what has been sent, until it is answered.
 */
export class Conversation {
  readonly outgoing: Outgoing;
  status: Status = "connecting";
  readonly #options: ConversationOptions;
  readonly #names: TransportNames;
  /** What is asked for by every attempt, and with every message. */
  #request: Omit<TransportRequest, "opened" | "signal">;
  #id: string | undefined;
  #transport: TransportName;
  #socket: WebSocket | undefined;

  constructor(options: ConversationOptions) {
    const { url, transport, pollMs = POLL_MS, plain = false, maxWaiting } = options;
    if (!(pollMs >= 1 && pollMs < MAX_POLL_MS)) {
      throw invalidOption("pollMs", "1 to 29,999 milliseconds", pollMs);
    }
    this.#options = options;
    this.#names = plain ? ["websocket"] : transportNames(transport);
    [this.#transport] = this.#names;
    this.#request = {
      url,
      token: options.token,
      isPlain: plain,
      pollMs,
      place: { cursor: undefined },
      maxBuffered: MAX_BUFFERED,
      onSocket: (socket) => {
        socket.binaryType = "arraybuffer";
        this.#socket = socket;
      },
    };
    this.outgoing = new Outgoing(assertPositiveInteger("maxMessages", maxWaiting));
  }

  /** Settles when it is over; never rejects: how it goes is the status. */
  async run(): Promise<void> {
    const { onTraffic, signal } = this.#options;
    if (onTraffic) this.#request = { ...this.#request, traffic: await countTraffic(onTraffic) };
    const stopListening = onEndOfPage(() => this.#sayGoodbye());
    const onChoice = (name: TransportName): void => void (this.#transport = name);
    const attempt = overTransports(this.#names, this.#request, onChoice);
    try {
      const messages = reconnecting((options) => this.#hear(attempt, options), {
        signal,
        onStatus: (change) => this.#enter(change),
      });
      for await (const message of messages) this.#take(message);
    } catch {
      // The status has said why, to everybody who listens.
    }
    stopListening();
  }

  get #isPlain(): boolean {
    return this.#socket !== undefined && this.#socket.protocol !== SUBPROTOCOL;
  }

  #enter(change: AttemptChange): void {
    const { status, code } = change;
    if (code === TOO_LARGE) this.outgoing.failLargest();
    if (status !== "open") this.outgoing.pause();
    if (status === "closed") this.#end(change);
    this.status = status;
    this.#tell("status", { ...change, transport: this.#transport });
  }

  /** Takes what one attempt brings; yields messages of the consumer, and bytes. */
  async *#hear(
    attempt: Attempt<unknown>,
    { opened, signal }: AttemptOptions,
  ): AsyncGenerator<unknown, Closing> {
    this.#socket = undefined;
    let isOpen = false;
    const frames = attempt({
      signal,
      opened: () => {
        // With our subprotocol, and over HTTP, the first frame says that it is open.
        if (isOpen || !this.#socket || !this.#isPlain) return;
        isOpen = true;
        this.outgoing.begin(overPlainSocket(this.#socket, this.#request.traffic), true);
        opened();
      },
    });
    try {
      for (;;) {
        const { done, value } = await frames.next();
        if (done) return value;
        if (value instanceof Uint8Array || this.#isPlain) yield value;
        else if (
          isServerEnvelope(value) &&
          (isOpen || value.connection !== undefined || value.close)
        ) {
          // A consumer says first what its connection is called; a feed begins with its state.
          const isNew = this.#meet(value);
          if (isNew || (value.connection !== undefined && !isOpen)) {
            isOpen = true;
            this.outgoing.begin(this.#carrier(signal), !isNew);
            opened();
          }
          if (value.ack !== undefined) this.outgoing.answer(value);
          else if (value.error) yield { type: "error", ...value.error };
          else if (value.bytes !== undefined) yield fromBase64(value.bytes);
          else if ("data" in value) yield value.data;
          else if (value.close) {
            this.outgoing.failSent(value.close);
            return judgeClose(value.close, this.#options.token !== undefined);
          }
        } else throw new TidingsError("CLIENT_PROTOCOL", "expected a consumer");
      }
    } finally {
      await frames.return(ENDED);
    }
  }

  /** Whether a frame says that another connection has begun than the one that was known. */
  #meet({ connection, cursor, reset }: ServerEnvelope): boolean {
    const isNew = connection !== undefined && connection !== this.#id;
    // After a close the server has no place to go on from, and says nothing of what there was.
    const isForgotten = isNew && this.#id !== undefined && this.#request.place.cursor === undefined;
    const lost = reset ?? (isForgotten ? { reason: "connection-gone" } : undefined);
    if (isNew) this.#id = connection;
    if (cursor !== undefined) this.#request.place.cursor = cursor === "" ? undefined : cursor;
    if (lost) this.#tell("reset", lost);
    return isNew;
  }

  #take(message: unknown): void {
    if (message instanceof Uint8Array) return this.#tell("bytes", message);
    this.#tell("message", message);
    const type = isRecord(message) && message["type"];
    if (typeof type === "string") this.#tell(OF_TYPE + type, message);
  }

  #tell(topic: string, value: unknown): void {
    this.#options.listeners.tell(topic, value);
  }

  #carrier(signal: AbortSignal): Carrier {
    if (this.#socket) return overSocket(this.#socket, this.#request.traffic);
    return overPost(this.outgoing, this.#postUrl, { ...this.#request, signal });
  }

  get #postUrl(): URL {
    return withParameter(this.#request.url, "connection", this.#id);
  }

  #end(closing: Closing): void {
    this.outgoing.close(closing);
    if (this.#options.signal.aborted) this.#sayGoodbye();
  }

  /** A WebSocket says by its close that it is over; else a request does, which outlives the page. */
  #sayGoodbye(): void {
    if (this.#socket || this.#id === undefined) return;
    const signal = AbortSignal.timeout(GOODBYE_MS);
    const init = { method: "DELETE", keepalive: true };
    // Nobody is left to hear of it; the connection ends by itself after a while.
    request(this.#postUrl, { ...this.#request, init, signal }).catch(() => {});
  }
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
