import { TidingsError } from "../../core/errors.ts";
import { isFeedEnd, isFeedEvent, SUBPROTOCOL, type FeedEvent } from "../../protocol/index.ts";
import { Interruption } from "../interruption.ts";
import { withParameter } from "../resolve-url.ts";
import { socketMessages } from "../socket-messages.ts";
import type { Closing } from "../status.ts";
import { ENDED, type TransportRequest } from "./transport.ts";

/**
 * Hears a feed over a WebSocket.
 *
 * A WebSocket cannot be slowed down: when `maxBuffered` events wait for the reader it is closed, and
 * opened again after the last event that was read.
 */
export async function* followWebSocket(
  request: TransportRequest,
): AsyncGenerator<FeedEvent, Closing> {
  const { url, place, token, signal, traffic, maxBuffered, opened } = request;
  const messages = socketMessages({
    url: withParameter(url, "cursor", place.cursor),
    protocols: [SUBPROTOCOL],
    token,
    signal,
    traffic,
    maxBuffered,
    onOpen: () => opened(),
  });
  for await (const value of messages) {
    if (isFeedEnd(value)) return ENDED;
    if (!isFeedEvent(value)) throw new TidingsError("CLIENT_PROTOCOL", "expected an event");
    yield value;
  }
  throw new Interruption("closed before its end");
}
