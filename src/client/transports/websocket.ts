import { SUBPROTOCOL } from "../../protocol/index.ts";
import { Interruption } from "../interruption.ts";
import { withParameter } from "../resolve-url.ts";
import { socketMessages } from "../socket-messages.ts";
import type { Closing } from "../status.ts";
import type { TransportRequest } from "./transport.ts";

/**
 * Hears a feed or a consumer over a WebSocket.
 *
 * A WebSocket cannot be slowed down: when `maxBuffered` frames wait for the reader it is closed, and
 * opened again after the last one that was read. Over our subprotocol the last frame says how it ends,
 * and a close without it is an interruption.
 */
export async function* followWebSocket(
  request: TransportRequest,
): AsyncGenerator<unknown, Closing> {
  const { url, place, isPlain = false, onSocket, opened } = request;
  let protocol = "";
  const closing = yield* socketMessages({
    ...request,
    url: withParameter(url, "cursor", place.cursor),
    protocols: isPlain ? [] : [SUBPROTOCOL],
    onOpen(socket) {
      ({ protocol } = socket);
      onSocket?.(socket);
      opened();
    },
  });
  if (protocol === "" || request.signal.aborted) return closing;
  throw new Interruption("closed before its end", closing);
}
