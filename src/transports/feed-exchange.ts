import type { FeedSource } from "../channels/index.ts";
import type { OpenConnections } from "./open-connections.ts";
import type { OutboxSink } from "./outbox.ts";

/** What deliveries need of Node's response, which HTTP/1.1 and HTTP/2 have in common. */
export interface FeedResponse extends OutboxSink {
  removeHeader(name: string): unknown;
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  end(): unknown;
  end(text: string): unknown;
  destroy(): unknown;
  once(event: "close", listener: () => void): unknown;
  off(event: "close", listener: () => void): unknown;
  /** Of HTTP/1.1. */
  shouldKeepAlive?: boolean;
  readonly destroyed?: boolean;
  /** Of HTTP/2. */
  readonly stream?: { readonly destroyed: boolean };
}

/** Whether nobody is there any more to take a response. */
export function isGone({ destroyed, stream }: FeedResponse): boolean {
  return destroyed ?? stream?.destroyed ?? false;
}

/** What stays open, to be ended from elsewhere; whoever comes back is asked for credentials again. */
export interface ClosableStream {
  close(code: number, reason: string): void;
}

/** One request for a feed over HTTP, let through by its middleware. */
export interface FeedExchange {
  readonly request: Request;
  readonly response: FeedResponse;
  readonly source: FeedSource;
  readonly connections: OpenConnections;
  /** How many bytes may wait for a slow client; beyond it, the stream is cut off. */
  readonly maxOutboxBytes: number;
  /** Told of what stays open, be it a stream or a poll that waits; returns what is called when it is over. */
  onOpen?(stream: ClosableStream): () => void;
}

/** Where a client wants to go on: `?cursor=`, or the header that `EventSource` sends by itself. */
export function requestedCursor({ headers, url }: Request): string | undefined {
  const header = headers.get("last-event-id");
  if (header !== null) return header;
  const query = url.indexOf("?");
  if (query === -1) return undefined;
  return new URLSearchParams(url.slice(query)).get("cursor") ?? undefined;
}
