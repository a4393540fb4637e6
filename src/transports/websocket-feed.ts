import type { FeedSource, Follower } from "../channels/index.ts";
import { SUBPROTOCOL, type FeedEvent } from "../protocol/index.ts";
import { encodeOnce } from "./encode-once.ts";
import { frameText } from "./frame-writer.ts";
import type {
  Upgrade,
  WebSocketConnection,
  WebSocketListener,
  WebSocketTransport,
} from "./websocket.ts";

/** What a plain client gets: the data alone. */
const toPlainFrame = encodeOnce<FeedEvent>(({ data }) => frameText(JSON.stringify(data)));
/** What a client of our subprotocol gets: the whole event. */
const toEventFrame = encodeOnce<FeedEvent>((event) => frameText(JSON.stringify(event)));
const END_FRAME = frameText(JSON.stringify({ end: true }));
const NO_MESSAGES = frameText(
  JSON.stringify({ type: "error", code: "MESSAGE_INVALID", message: "a feed takes no messages" }),
);

/** A feed that is asked for over a WebSocket. */
export interface FeedUpgrade extends Upgrade {
  readonly source: FeedSource;
  readonly cursor: string | undefined;
  /** The subprotocols that the client offers. */
  readonly subprotocols: readonly string[];
  /** Told of the connection once it is open; returns what is called when it is over. */
  onOpen(connection: WebSocketConnection): () => void;
}

/**
 * Serves a feed over a WebSocket; settles when it has begun, and is on its own from there.
 *
 * A plain client gets each event's data; one that offers our subprotocol gets cursors with it.
 */
export async function serveFeedOverWebSocket(
  transport: WebSocketTransport,
  upgrade: FeedUpgrade,
): Promise<void> {
  const { source, cursor, subprotocols } = upgrade;
  const isOurs = subprotocols.includes(SUBPROTOCOL);
  const subprotocol = isOurs ? SUBPROTOCOL : undefined;
  const feed = new FeedSocket(isOurs);
  const connection = transport.accept(upgrade, { subprotocol }, feed);
  if (!connection) return;
  feed.open(connection, upgrade.onOpen(connection));
  try {
    feed.onClosed(await source.follow(feed, cursor));
  } catch {
    connection.close(1011, "feed failed"); // the source has logged why
  }
}

/** A WebSocket that follows a feed. */
class FeedSocket implements WebSocketListener, Follower {
  readonly #isOurs: boolean;
  #connection: WebSocketConnection | undefined;
  /** What is called when it closes. */
  #cleanups: (() => void)[] | undefined = [];

  constructor(isOurs: boolean) {
    this.#isOurs = isOurs;
  }

  open(connection: WebSocketConnection, onOver: () => void): void {
    this.#connection = connection;
    this.onClosed(onOver);
  }

  /** Has something called when it closes: now, if it has. */
  onClosed(cleanup: () => void): void {
    if (this.#cleanups) this.#cleanups.push(cleanup);
    else cleanup();
  }

  deliver(event: FeedEvent): void {
    this.#connection?.send(this.#isOurs ? toEventFrame(event) : toPlainFrame(event));
  }

  end(error?: Error): void {
    if (error) return this.#connection?.close(1011, "feed failed");
    if (this.#isOurs) this.#connection?.send(END_FRAME);
    this.#connection?.close(1000, "end");
  }

  onMessage(): void {
    this.#connection?.send(NO_MESSAGES);
  }

  onClose(): void {
    const cleanups = this.#cleanups ?? [];
    this.#cleanups = undefined;
    for (const cleanup of cleanups) cleanup();
  }
}
