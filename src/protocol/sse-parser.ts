import { TidingsError } from "../core/errors.ts";
import { assertPositiveInteger } from "../core/options.ts";
import { LineReader } from "./line-reader.ts";

/** An event of an event stream. */
export interface SseMessage {
  /** The last id that the stream has named, with this event or before it; "" when none. */
  readonly id: string;
  /** The event's type; `message` when the stream did not name it. */
  readonly event: string;
  readonly data: string;
}

/** Options of an {@link SseParser}. */
export interface SseParserOptions {
  /** How many characters an event may have, over all its lines. @default 4_194_304 */
  readonly maxEventLength?: number | undefined;
}

const MAX_EVENT_LENGTH = 4 * 1024 * 1024;

/**
 * Reads an event stream, wherever its chunks are cut.
 *
 * An event without data is not returned, but its id counts. An event that the stream's end cuts off is
 * never returned. Bound: one event.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class SseParser {
  readonly #maxEventLength: number;
  readonly #lines: LineReader;
  /** Each line with its end. */
  #data = "";
  #event = "";
  #id = "";
  #lastEventId = "";
  #retryMs: number | undefined;

  constructor({ maxEventLength = MAX_EVENT_LENGTH }: SseParserOptions = {}) {
    this.#maxEventLength = assertPositiveInteger("maxEventLength", maxEventLength);
    // Lines end with CRLF, LF or CR (§9.2.5).
    this.#lines = new LineReader({ crEnds: true, maxLength: maxEventLength });
  }

  /** The id to come back with. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** How long the server asks to wait before coming back; `undefined` when it does not. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /**
   * Takes the next chunk; returns the events that it completes.
   *
   * @throws {TidingsError} MESSAGE_TOO_LARGE when an event is larger than allowed. The parser is then
   *   of no more use.
   */
  push(chunk: string | Uint8Array): readonly SseMessage[] {
    const messages: SseMessage[] = [];
    for (const line of this.#lines.push(chunk)) {
      const message = line === "" ? this.#dispatch() : this.#readField(line);
      if (message) messages.push(message);
    }
    return messages;
  }

  /** A colon first makes a comment, whose field has no name and is ignored like any unknown one. */
  #readField(line: string): undefined {
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    const rest = colon === -1 ? "" : line.slice(colon + 1);
    const value = rest.startsWith(" ") ? rest.slice(1) : rest;
    switch (name) {
      case "data":
        this.#addData(value);
        break;
      case "event":
        this.#event = value;
        break;
      case "id":
        if (!value.includes("\0")) this.#id = value;
        break;
      case "retry":
        if (/^\d+$/.test(value)) this.#retryMs = Number(value);
        break;
      default:
    }
    return undefined;
  }

  #addData(value: string): void {
    this.#data += `${value}\n`;
    if (this.#data.length <= this.#maxEventLength + 1) return;
    throw new TidingsError(
      "MESSAGE_TOO_LARGE",
      `expected an event of at most ${this.#maxEventLength} characters`,
    );
  }

  #dispatch(): SseMessage | undefined {
    const data = this.#data.slice(0, -1);
    const event = this.#event || "message";
    const isEvent = this.#data !== "";
    this.#lastEventId = this.#id;
    this.#data = "";
    this.#event = "";
    return isEvent ? { id: this.#id, event, data } : undefined;
  }
}
