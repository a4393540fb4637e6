import { COMING_BACK, SIGN_OF_LIFE, SUBPROTOCOL } from "../protocol/index.ts";
import { SILENT_MS, watchSilence } from "./watch-silence.ts";

/** What an {@link Inbox} needs. */
export interface InboxOptions {
  /** How many messages may wait to be taken. */
  readonly maxBuffered: number;
  readonly onOpen: () => void;
  /** Told of every text, also of those that are dropped. */
  readonly onText: (text: string) => void;
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
  #watch = watchSilence(OPEN_TIMEOUT_MS, () => this.#onSilent("no answer in time"));
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
    socket.addEventListener("close", ({ code, reason }) => this.#finish({ code, reason }));
  }

  /** Waits for the next message; `undefined` when there will be none, and {@link end} says why. */
  async take(): Promise<string | ArrayBuffer | undefined> {
    while (this.#queue.length === 0 && !this.#end) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#queue.shift();
  }

  get end(): InboxEnd | undefined {
    return this.#end;
  }

  /** Closes the socket, for good or for now, and drops what waits. */
  close(isForGood = true): void {
    this.#queue = [];
    this.#finish({ code: isForGood ? NORMAL : COMING_BACK, reason: "" });
  }

  #onOpen(): void {
    if (this.#end) return;
    this.#watch.stop();
    this.#wasOpen = true;
    // Of other servers nobody knows how long they may be silent.
    if (this.#isOurs) {
      this.#watch = watchSilence(SILENT_MS, () => this.#onSilent("the server has gone silent"));
    }
    this.#options.onOpen();
  }

  #onData(data: unknown): void {
    if (this.#end) return;
    this.#watch.heard();
    if (typeof data === "string") this.#options.onText(data);
    else if (!(data instanceof ArrayBuffer)) return;
    if (this.#isOurs && data === SIGN_OF_LIFE) return;
    if (this.#queue.length < this.#options.maxBuffered) {
      this.#queue.push(data);
      this.#wake();
    } else this.#finish({ code: COMING_BACK, reason: "", isOverfull: true });
  }

  #onSilent(reason: string): void {
    this.#finish({ code: ABNORMAL, reason });
  }

  /** Whether the server speaks our subprotocol; others know nothing of coming back. */
  get #isOurs(): boolean {
    return this.#socket.protocol === SUBPROTOCOL;
  }

  #finish(end: Omit<InboxEnd, "wasOpen" | "isOverfull"> & { readonly isOverfull?: boolean }): void {
    if (this.#end) return;
    this.#end = { isOverfull: false, wasOpen: this.#wasOpen, ...end };
    this.#watch.stop();
    this.#socket.close(this.#isOurs && end.code !== NORMAL ? COMING_BACK : NORMAL);
    this.#wake();
  }
}
