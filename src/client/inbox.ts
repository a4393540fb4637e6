import { COMING_BACK, SIGN_OF_LIFE, SUBPROTOCOL } from "../protocol/index.ts";
import { parseJson } from "./parse-json.ts";
import type { Traffic } from "./traffic.ts";
import { SILENT_MS, watchSilence } from "./watch-silence.ts";

/** What an {@link Inbox} needs. */
export interface InboxOptions {
  /** How many messages may wait to be taken. */
  readonly maxBuffered: number;
  readonly traffic?: Traffic | undefined;
  readonly onOpen: () => void;
}

/** Why there is nothing more in an {@link Inbox}. */
export interface InboxEnd {
  readonly code: number;
  readonly reason: string;
  /** Whether the handshake had succeeded. */
  readonly wasOpen: boolean;
  /** Whether more came than was taken: what did not fit is lost. */
  readonly isOverfull: boolean;
}

const NORMAL = 1000;
/** "Closed abnormally" (RFC 6455 §7.4.1): nobody said anything. */
const ABNORMAL = 1006;
/** A handshake that takes longer is given up. */
const OPEN_TIMEOUT_MS = 10_000;

/**
 * The messages of a WebSocket, which come when they like, to be taken one after another.
 *
 * Texts, and bytes if the socket's `binaryType` is `arraybuffer`: both in the order in which they came.
 *
 * Bound: at `maxBuffered` waiting messages the socket is closed; those that wait can still be taken.
 */
export class Inbox {
  readonly #socket: WebSocket;
  readonly #options: InboxOptions;
  /** An array, since a page has to load what is better with very many. */
  #queue: (string | ArrayBuffer)[] = [];
  #watch = watchSilence(OPEN_TIMEOUT_MS, () => this.#finish(ABNORMAL, "no answer in time"));
  #wasOpen = false;
  #end: InboxEnd | undefined;
  #wake = (): void => {};

  constructor(socket: WebSocket, options: InboxOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.addEventListener("open", () => this.#onOpen());
    socket.addEventListener("message", ({ data }: { readonly data: unknown }) =>
      this.#onData(data),
    );
    socket.addEventListener("close", ({ code, reason }) => this.#finish(code, reason));
  }

  /**
   * What the JSON of the messages says, and bytes; returns why there is nothing more.
   *
   * @throws {TidingsError} CLIENT_PROTOCOL for a text that is no JSON.
   */
  async *messages(): AsyncGenerator<unknown, InboxEnd> {
    for (;;) {
      const data = this.#queue.shift();
      if (typeof data === "string") yield parseJson(data);
      else if (data) yield new Uint8Array(data);
      else if (this.#end) return this.#end;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Closes the socket, for good or for now, and drops what waits. */
  close(isForGood = true): void {
    this.#queue = [];
    this.#finish(isForGood ? NORMAL : COMING_BACK);
  }

  #onOpen(): void {
    if (this.#end) return;
    this.#watch.stop();
    this.#wasOpen = true;
    // Of other servers nobody knows how long they may be silent.
    if (this.#isOurs) {
      const onSilent = (): void => this.#finish(ABNORMAL, "the server has gone silent");
      this.#watch = watchSilence(SILENT_MS, onSilent);
    }
    this.#options.traffic?.opened(this.#socket);
    this.#options.onOpen();
  }

  #onData(data: unknown): void {
    if (this.#end) return;
    this.#watch.heard();
    if (typeof data !== "string" && !(data instanceof ArrayBuffer)) return;
    this.#options.traffic?.frameReceived(data);
    if (this.#isOurs && data === SIGN_OF_LIFE) return;
    if (this.#queue.length < this.#options.maxBuffered) {
      this.#queue.push(data);
      this.#wake();
    } else this.#finish(COMING_BACK, "", true);
  }

  /** Whether the server speaks our subprotocol; others know nothing of coming back. */
  get #isOurs(): boolean {
    return this.#socket.protocol === SUBPROTOCOL;
  }

  #finish(code: number, reason = "", isOverfull = false): void {
    if (this.#end) return;
    this.#end = { code, reason, isOverfull, wasOpen: this.#wasOpen };
    this.#watch.stop();
    this.#socket.close(this.#isOurs && code !== NORMAL ? COMING_BACK : NORMAL);
    this.#wake();
  }
}
