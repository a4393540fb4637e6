import type { ServerResponse } from "node:http";

import type { FeedSource } from "../channels/index.ts";
import type { OpenConnections } from "./open-connections.ts";

/** An open stream, to be ended from elsewhere; whoever comes back is asked for credentials again. */
export interface ClosableStream {
  close(code: number, reason: string): void;
}

/** One request for a feed over HTTP, let through by its middleware. */
export interface FeedExchange {
  readonly request: Request;
  readonly response: ServerResponse;
  readonly source: FeedSource;
  readonly connections: OpenConnections;
  /** How many bytes may wait for a slow client; beyond it, the stream is cut off. */
  readonly maxOutboxBytes: number;
  /** Told of the stream once it is open, which a poll never is. */
  onOpen?(stream: ClosableStream): void;
}

/** Where a client wants to go on: `?cursor=`, or the header that `EventSource` sends by itself. */
export function requestedCursor(request: Request): string | undefined {
  const header = request.headers.get("last-event-id");
  return header ?? new URL(request.url).searchParams.get("cursor") ?? undefined;
}
