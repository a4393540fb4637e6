import { isFinalClose } from "../../protocol/index.ts";
import { isGone } from "../feed-exchange.ts";
import type { OpenConnection, OpenConnections } from "../open-connections.ts";
import { writeStreamHead } from "../stream-head.ts";
import { sseFormat, type ConnectionFormat } from "./connection-format.ts";
import type { ConnectionClose, Following, ReadAnswer } from "./connection-link.ts";
import type { ConsumerExchange, ConsumerResponse, Reading } from "./consumer-exchange.ts";
import type { Frame } from "./shared-frames.ts";

const MAX_STUCK_BEATS = 2;

/**
 * Serves a consumer's connection as an HTTP response that stays open, and is on its own from there.
 *
 * The response takes what it likes to take; the rest waits in the connection, which has the bound.
 */
export function serveConsumerStream(
  exchange: ConsumerExchange,
  format: ConnectionFormat,
  first: ReadAnswer,
): void {
  const { response, headers, reading, isResumed } = exchange;
  // "An HTTP 204 No Content response" is how a server tells an EventSource not to come back
  // (WHATWG HTML §9.2.3).
  const isEnded = isResumed && first.kind === "frames" && first.frames.length === 0 && first.close;
  if (isEnded && isFinalClose(isEnded.code) && format === sseFormat) {
    response.writeHead(204, { "cache-control": "no-store" });
    response.end();
    exchange.onOver?.();
    return;
  }
  writeStreamHead(response, { contentType: format.contentType, headers });
  response.write(Buffer.concat([format.opening, format.hello(reading.hello)]));
  new ConsumerStream(exchange, format).begin(first);
}

class ConsumerStream implements OpenConnection {
  readonly #response: ConsumerResponse;
  readonly #connections: OpenConnections;
  readonly #reading: Reading;
  readonly #format: ConnectionFormat;
  readonly #onOver: (() => void) | undefined;
  #following: Following | undefined;
  #isOver = false;
  /** What waited for the client at the last heartbeat, and for how many it has been the same. */
  #waitingBytes = 0;
  #stuckBeats = 0;

  constructor(exchange: ConsumerExchange, format: ConnectionFormat) {
    this.#response = exchange.response;
    this.#connections = exchange.connections;
    this.#reading = exchange.reading;
    this.#onOver = exchange.onOver;
    this.#format = format;
  }

  begin(first: ReadAnswer): void {
    this.#connections.add(this);
    this.#response.once("close", this.#end);
    const isReady = this.#take(first);
    // Nobody may be there any more, and what was read first may have been all.
    if (isGone(this.#response)) this.#end();
    if (!this.#isOver) this.#following = this.#reading.follow(isReady, this.#take);
  }

  /** A client that has taken nothing of what waits for it for a while is cut off, and comes back. */
  beat(): void {
    const { writableLength, writableNeedDrain } = this.#response;
    const isStuck = writableNeedDrain && writableLength === this.#waitingBytes;
    this.#stuckBeats = isStuck ? this.#stuckBeats + 1 : 0;
    this.#waitingBytes = writableLength;
    if (this.#stuckBeats >= MAX_STUCK_BEATS) this.destroy();
    else if (!writableNeedDrain) this.#response.write(this.#format.heartbeat);
  }

  /** A connection that lives here ends by itself, and says so; another one is gone on with elsewhere. */
  goAway(retryMs: number): void {
    if (this.#reading.link.isLocal) return;
    const retry = this.#format.retry(retryMs);
    if (retry) this.#response.write(retry);
    this.#end();
  }

  destroy(): void {
    this.#response.destroy();
  }

  /** Writes what has come; says whether the response likes to take more. */
  readonly #take = (answer: ReadAnswer): boolean => {
    // Lost or taken: whoever comes back with the last cursor hears more.
    if (answer.kind !== "frames" || !this.#write(answer.frames, answer.close)) {
      this.#end();
      return false;
    }
    if (!this.#response.writableNeedDrain) return true;
    this.#response.once("drain", () => this.#following?.more());
    return false;
  };

  #write(frames: readonly Frame[], close: ConnectionClose | undefined): boolean {
    const response = this.#response;
    const text = this.#reading.passAll(frames, this.#format);
    if (text !== "" && !isGone(response)) response.write(text, "latin1");
    if (!close) return true;
    const last = this.#format.close(this.#reading.cursorAfter(close), close);
    if (!isGone(response)) response.write(last);
    return false;
  }

  readonly #end = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#response.off("close", this.#end);
    this.#connections.remove(this);
    this.#following?.leave();
    this.#response.end();
    this.#onOver?.();
  };
}
