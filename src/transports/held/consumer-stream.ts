import { isFinalClose } from "../../protocol/index.ts";
import { isGone } from "../feed-exchange.ts";
import type { OpenConnection } from "../open-connections.ts";
import { writeStreamHead } from "../stream-head.ts";
import type { ConnectionFormat } from "./connection-format.ts";
import type { ConnectionClose, Following, ReadAnswer } from "./connection-link.ts";
import type { ConsumerExchange } from "./consumer-exchange.ts";
import type { Frame } from "./frame-log.ts";

const MAX_STUCK_BEATS = 2;

/**
 * Serves a consumer's connection as an HTTP response that stays open; settles when it is over.
 *
 * The response takes what it likes to take; the rest waits in the connection, which has the bound.
 */
export async function serveConsumerStream(
  exchange: ConsumerExchange,
  format: ConnectionFormat,
  first: ReadAnswer,
): Promise<void> {
  const stream = new ConsumerStream(exchange, format);
  exchange.connections.add(stream);
  try {
    await stream.run(first);
  } finally {
    exchange.connections.remove(stream);
  }
}

class ConsumerStream implements OpenConnection {
  readonly #exchange: ConsumerExchange;
  readonly #format: ConnectionFormat;
  readonly #over: PromiseWithResolvers<void> = Promise.withResolvers();
  #following: Following | undefined;
  #isStreaming = false;
  /** What waited for the client at the last heartbeat, and for how many it has been the same. */
  #waitingBytes = 0;
  #stuckBeats = 0;

  constructor(exchange: ConsumerExchange, format: ConnectionFormat) {
    this.#exchange = exchange;
    this.#format = format;
  }

  async run(first: ReadAnswer): Promise<void> {
    const { response, reading } = this.#exchange;
    if (!this.#open(first)) return;
    response.once("close", this.#over.resolve);
    if (isGone(response)) this.#over.resolve();
    const isReady = this.#take(first);
    this.#following = reading.follow(isReady, (answer) => this.#take(answer));
    await this.#over.promise;
    response.off("close", this.#over.resolve);
    this.#following.leave();
    this.#isStreaming = false;
    response.end();
  }

  /** A client that has taken nothing of what waits for it for a while is cut off, and comes back. */
  beat(): void {
    if (!this.#isStreaming) return;
    const { response } = this.#exchange;
    const { writableLength, writableNeedDrain } = response;
    const isStuck = writableNeedDrain && writableLength === this.#waitingBytes;
    this.#stuckBeats = isStuck ? this.#stuckBeats + 1 : 0;
    this.#waitingBytes = writableLength;
    if (this.#stuckBeats >= MAX_STUCK_BEATS) this.destroy();
    else if (!writableNeedDrain) response.write(this.#format.heartbeat);
  }

  /** A connection that lives here ends by itself, and says so; another one is gone on with elsewhere. */
  goAway(retryMs: number): void {
    const { response, reading } = this.#exchange;
    if (reading.link.isLocal) return;
    const retry = this.#format.retry(retryMs);
    if (this.#isStreaming && retry) response.write(retry);
    this.#over.resolve();
  }

  destroy(): void {
    this.#exchange.response.destroy();
  }

  /** Answers; `false` when that was all. */
  #open(first: ReadAnswer): boolean {
    const { response, reading, headers, isResumed } = this.#exchange;
    // "An HTTP 204 No Content response" is how a server tells an EventSource not to come back
    // (WHATWG HTML §9.2.3).
    if (isResumed && first.kind === "frames" && first.frames.length === 0 && first.close) {
      if (isFinalClose(first.close.code) && this.#format.contentType === "text/event-stream") {
        response.writeHead(204, { "cache-control": "no-store" });
        response.end();
        return false;
      }
    }
    writeStreamHead(response, { contentType: this.#format.contentType, headers });
    this.#isStreaming = true;
    response.write(Buffer.concat([this.#format.opening, this.#format.hello(reading.hello)]));
    return true;
  }

  /** Writes what has come; says whether the response likes to take more. */
  #take(answer: ReadAnswer): boolean {
    const { response } = this.#exchange;
    // Lost or taken: whoever comes back with the last cursor hears more.
    if (answer.kind !== "frames" || !this.#write(answer.frames, answer.close)) {
      this.#over.resolve();
      return false;
    }
    if (!response.writableNeedDrain) return true;
    response.once("drain", () => this.#following?.more());
    return false;
  }

  #write(frames: readonly Frame[], close: ConnectionClose | undefined): boolean {
    const { response, reading } = this.#exchange;
    const parts = frames.map((frame) =>
      join(this.#format.before(reading.pass(frame)), this.#format.payload(frame.payload)),
    );
    if (close) parts.push(this.#format.close(reading.cursorAfter(close), close));
    const [first] = parts;
    if (first && !isGone(response)) {
      response.write(parts.length === 1 ? first : Buffer.concat(parts));
    }
    return close === undefined;
  }
}

function join(before: string, payload: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(before.length + payload.length);
  bytes.write(before, "latin1");
  bytes.set(payload, before.length);
  return bytes;
}
