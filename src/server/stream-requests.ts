import { IncomingMessage } from "node:http";

/**
 * The class of a server's requests: one for a stream leaves Node's HTTP with its socket when its head
 * has been read, exactly as one for a WebSocket does.
 *
 * Node asks `upgrade` of a request whether it does; nothing else is used. Where that is not asked, the
 * request is answered like any other.
 */
export function streamRequests(
  isStream: (request: IncomingMessage) => boolean,
): typeof IncomingMessage {
  return class StreamRequest extends IncomingMessage {
    /** Decided by the first look, when the headers are there; `undefined` before. */
    isLeaving: boolean | undefined;

    get upgrade(): boolean {
      this.isLeaving ??= isStream(this);
      return this.isLeaving;
    }

    set upgrade(isUpgrade: boolean | null) {
      if (isUpgrade) this.isLeaving = true;
      else if (this.isLeaving) this.isLeaving = false;
    }
  };
}
