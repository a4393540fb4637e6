import type { Follower } from "../channels/index.ts";
import { isTidingsError } from "../core/errors.ts";
import type { FeedEvent } from "../protocol/index.ts";
import { isGone, requestedCursor, type FeedExchange, type FeedResponse } from "./feed-exchange.ts";
import type { OpenConnection, OpenConnections } from "./open-connections.ts";
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

/**
 * Serves a feed as an HTTP response that stays open; settles when it has begun.
 *
 * From there it is on its own, and over when its response closes.
 */
export async function serveStream(exchange: FeedExchange, format: StreamFormat): Promise<void> {
  const { request, response, source, connections, maxOutboxBytes } = exchange;
  const stream = new FeedStream({ response, connections, maxOutboxBytes, format });
  try {
    const leave = await source.follow(stream, requestedCursor(request));
    if (stream.open(request.method === "HEAD", leave)) stream.onOver = exchange.onOpen?.(stream);
  } catch (thrown) {
    if (!format.failure || !isTidingsError(thrown, "FEED_FAILED")) throw thrown;
    writeStreamHead(response, format);
    response.write(format.failure);
    response.end();
  }
}

interface FeedStreamOptions {
  readonly response: FeedResponse;
  readonly connections: OpenConnections;
  readonly maxOutboxBytes: number;
  readonly format: StreamFormat;
}

/**
 * One response that follows a feed.
 *
 * | state   | what is true                                     | left when                           |
 * | ------- | ------------------------------------------------ | ----------------------------------- |
 * | opening | what it has missed is collected                  | all of that is there, or it fails   |
 * | open    | every event is written                           | the feed ends, it is sent away, or it closes |
 * | ended   | the response has its end, nothing more is written | it closes                           |
 */
class FeedStream implements Follower, OpenConnection {
  readonly #response: FeedResponse;
  readonly #connections: OpenConnections;
  readonly #outbox: Outbox;
  readonly #format: StreamFormat;
  #state: "opening" | "open" | "ended" = "opening";
  #missed: FeedEvent[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #leave: (() => void) | undefined;
  /** Told once, when it has been open and is over. */
  onOver: (() => void) | undefined;

  constructor({ response, connections, maxOutboxBytes, format }: FeedStreamOptions) {
    this.#response = response;
    this.#connections = connections;
    this.#format = format;
    this.#outbox = new Outbox({
      sink: response,
      maxBytes: maxOutboxBytes,
      onOverflow: () => response.destroy(),
    });
  }

  /** Begins with what was missed; `false` when that was all, or nobody is there any more. */
  open(isHead: boolean, leave: () => void): boolean {
    const missed = this.#missed;
    const end = this.#end;
    this.#missed = [];
    this.#leave = leave;
    const isOver = this.#answerAtOnce(isHead, missed.length === 0 ? end : undefined);
    if (isOver) {
      this.#state = "ended";
      leave();
      return false;
    }
    this.#state = "open";
    this.#response.once("close", () => this.#onClose());
    writeStreamHead(this.#response, this.#format);
    this.#outbox.push(this.#format.opening);
    for (const event of missed) this.deliver(event);
    this.#connections.add(this);
    if (end) this.end(end.error);
    return true;
  }

  deliver(event: FeedEvent): void {
    if (this.#state === "opening") this.#missed.push(event);
    else this.#outbox.push(this.#format.encode(event));
  }

  /** Without the format's end the client knows that the stream broke off, and comes back. */
  end(error?: Error): void {
    if (this.#state === "opening") this.#end = { error };
    else this.#finish(error ? undefined : this.#format.end);
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
    this.#response.destroy();
  }

  /** Answers what is no stream; whether it was one. */
  #answerAtOnce(isHead: boolean, end: { readonly error: Error | undefined } | undefined): boolean {
    const response = this.#response;
    if (isGone(response)) return true;
    // "An HTTP 204 No Content response" is how a server tells an EventSource not to come back
    // (WHATWG HTML §9.2.3).
    const isNothing = end && !end.error && !this.#format.end;
    if (!isNothing && !isHead) return false;
    if (isNothing) response.writeHead(204, { "cache-control": "no-store" });
    else writeStreamHead(response, this.#format);
    response.end();
    return true;
  }

  #finish(last: Uint8Array | undefined): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    if (last) this.#outbox.push(last);
    this.#outbox.flush();
    this.#outbox.close();
    this.#response.end();
  }

  #onClose(): void {
    this.#state = "ended";
    this.#connections.remove(this);
    this.#leave?.();
    this.#outbox.close();
    this.onOver?.();
  }
}
