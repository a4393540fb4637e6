import type { FeedSource } from "../channels/index.ts";
import { SUBPROTOCOL, type FeedEvent } from "../protocol/index.ts";
import { encodeOnce } from "./encode-once.ts";
import { frameText } from "./frame-writer.ts";
import type { Upgrade, WebSocketConnection, WebSocketTransport } from "./websocket.ts";

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
  /** Told of the connection once it is open. */
  onOpen?(connection: WebSocketConnection): void;
}

/**
 * Serves a feed over a WebSocket; settles when the connection is over.
 *
 * A plain client gets each event's data; one that offers our subprotocol gets cursors with it.
 */
export async function serveFeedOverWebSocket(
  transport: WebSocketTransport,
  upgrade: FeedUpgrade,
): Promise<void> {
  const isOurs = upgrade.subprotocols.includes(SUBPROTOCOL);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const connection = transport.accept(
    upgrade,
    { subprotocol: isOurs ? SUBPROTOCOL : undefined },
    {
      onMessage: () => connection?.send(NO_MESSAGES),
      onClose: () => resolve(),
    },
  );
  if (!connection) return;
  upgrade.onOpen?.(connection);
  const encode = isOurs ? toEventFrame : toPlainFrame;
  try {
    const leave = await upgrade.source.follow(
      {
        deliver: (event) => connection.send(encode(event)),
        end: (error) => endFeed(connection, isOurs, error),
      },
      upgrade.cursor,
    );
    await closed;
    leave();
  } catch {
    connection.close(1011, "feed failed"); // the source has logged why
  }
}

function endFeed(connection: WebSocketConnection, isOurs: boolean, error: Error | undefined): void {
  if (error) return connection.close(1011, "feed failed");
  if (isOurs) connection.send(END_FRAME);
  connection.close(1000, "end");
}
