import { ClientConnection, type ConsumerTypes } from "./connection.ts";
import { resolveUrl } from "./resolve-url.ts";
import type { StatusListener } from "./status.ts";
import type { TokenSource } from "./token.ts";

/** How to connect. */
export interface ConnectOptions {
  /** Closes the connection. */
  readonly signal?: AbortSignal | undefined;
  /** For a server that asks for a token: makes one before every handshake. */
  readonly token?: TokenSource | undefined;
  /** Told of every change of status, the first one included. */
  readonly onStatus?: StatusListener | undefined;
  /**
   * For a server that does not speak `tidings.v1`, as Channels: frames carry the application's JSON and
   * nothing else, so that `send` cannot tell what became of a message, and `request` is not possible.
   *
   * @default false
   */
  readonly plain?: boolean | undefined;
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
  options: ConnectOptions = {},
): ClientConnection<TConsumer> {
  return new ClientConnection<TConsumer>({ ...options, url: resolveUrl(address) });
}
