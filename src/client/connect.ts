import { ClientConnection, type ConsumerTypes } from "./connection.ts";
import { resolveUrl } from "./resolve-url.ts";
import type { StatusListener } from "./status.ts";

/** How to connect. */
export interface ConnectOptions {
  /** Closes the connection. */
  readonly signal?: AbortSignal | undefined;
  /** Told of every change of status, the first one included. */
  readonly onStatus?: StatusListener | undefined;
}

/**
 * Connects to a consumer, and comes back by itself when the connection breaks.
 *
 * The types come from the server's definition: `connect<typeof chat>("/ws/chat")`. They are not checked
 * here; they are as true as the server is the one that the definition is from.
 *
 * @throws {TidingsError} APP_INVALID_URL when the address is none.
 */
export function connect<TConsumer extends ConsumerTypes = ConsumerTypes>(
  address: string | URL,
  { signal, onStatus }: ConnectOptions = {},
): ClientConnection<TConsumer> {
  return new ClientConnection<TConsumer>({ url: resolveUrl(address), signal, onStatus });
}
