import { isTidingsError } from "../core/errors.ts";
import type { FeedEvent } from "../protocol/index.ts";
import { isGone, requestedCursor, type FeedExchange } from "./feed-exchange.ts";
import type { OpenConnection } from "./open-connections.ts";
import { Outbox } from "./outbox.ts";
import { writeStreamHead } from "./stream-head.ts";

/** How one kind of stream writes what it carries. */
export interface StreamFormat {
  readonly contentType: string;
  /** Sent first, at once, so that proxies and browsers see the stream open. */
  readonly opening: Uint8Array;
  /** Sent when nothing else was, to show both ends that the other lives. */
  readonly heartbeat: Uint8Array;
  /** Sent last when the feed has ended; without it, 204 says so to those who come back. */
  readonly end?: Uint8Array | undefined;
  /** Tells the client after how many milliseconds to come back. */
  readonly retry?: ((retryMs: number) => Uint8Array) | undefined;
  /** Answers a request for a feed that has failed; without it, the request fails. */
  readonly failure?: Uint8Array | undefined;
  /** The bytes of an event, the same ones for every stream. */
  encode(event: FeedEvent): Uint8Array;
}

/** Serves a feed as an HTTP response that stays open; settles when it is over. */
export async function serveStream(exchange: FeedExchange, format: StreamFormat): Promise<void> {
  try {
    await followInto(exchange, format);
  } catch (thrown) {
    if (!format.failure || !isTidingsError(thrown, "FEED_FAILED")) throw thrown;
    const { response } = exchange;
    writeStreamHead(response, format);
    response.write(format.failure);
    response.end();
  }
}

async function followInto(exchange: FeedExchange, format: StreamFormat): Promise<void> {
  const { request, response, source, connections } = exchange;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  response.once("close", resolve);
  const outbox = new Outbox({
    sink: response,
    maxBytes: exchange.maxOutboxBytes,
    onOverflow: () => response.destroy(),
  });
  const stream = new StreamConnection(exchange, outbox, format);
  const missed: FeedEvent[] = [];
  let isOpen = false;
  let end: { readonly error: Error | undefined } | undefined;
  const leave = await source.follow(
    {
      deliver: (event) => {
        if (isOpen) stream.deliver(event);
        else missed.push(event);
      },
      end: (error) => {
        end = { error };
        if (isOpen) stream.end(error);
      },
    },
    requestedCursor(request),
  );
  try {
    isOpen = true;
    stream.open(missed, end);
    connections.add(stream);
    exchange.onOpen?.(stream);
    if (isGone(response)) resolve();
    await closed;
  } finally {
    connections.remove(stream);
    leave();
    outbox.close();
  }
}

class StreamConnection implements OpenConnection {
  readonly #exchange: FeedExchange;
  readonly #outbox: Outbox;
  readonly #format: StreamFormat;
  #isStreaming = false;

  constructor(exchange: FeedExchange, outbox: Outbox, format: StreamFormat) {
    this.#exchange = exchange;
    this.#outbox = outbox;
    this.#format = format;
  }

  open(missed: readonly FeedEvent[], end: { readonly error: Error | undefined } | undefined): void {
    const { request, response } = this.#exchange;
    // "An HTTP 204 No Content response" is how a server tells an EventSource not to come back
    // (WHATWG HTML §9.2.3).
    if (end && !end.error && missed.length === 0 && !this.#format.end) {
      response.writeHead(204, { "cache-control": "no-store" });
      response.end();
      return;
    }
    writeStreamHead(response, this.#format);
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    this.#isStreaming = true;
    this.#outbox.push(this.#format.opening);
    for (const event of missed) this.deliver(event);
    if (end) this.end(end.error);
  }

  deliver(event: FeedEvent): void {
    this.#outbox.push(this.#format.encode(event));
  }

  /** Without the format's end the client knows that the stream broke off, and comes back. */
  end(error: Error | undefined): void {
    this.#finish(error ? undefined : this.#format.end);
  }

  beat(): void {
    this.#outbox.push(this.#format.heartbeat);
  }

  /** A stream has no close code: the answer to who comes back says more. */
  close(): void {
    this.#finish(undefined);
  }

  goAway(retryMs: number): void {
    this.#finish(this.#format.retry?.(retryMs));
  }

  destroy(): void {
    this.#exchange.response.destroy();
  }

  #finish(last: Uint8Array | undefined): void {
    if (!this.#isStreaming) return;
    this.#isStreaming = false;
    if (last) this.#outbox.push(last);
    this.#outbox.flush();
    this.#outbox.close();
    this.#exchange.response.end();
  }
}
