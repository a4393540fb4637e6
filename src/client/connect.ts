import { checkOptions, CONNECTION_OPTIONS, type OptionTypes } from "./check-options.ts";
import type { ConnectOptions } from "./connect-options.ts";
import { ClientConnection } from "./connection.ts";
import type { ConsumerTypes } from "./consumer-types.ts";
import { resolveUrl } from "./resolve-url.ts";

/**
 * Connects to a consumer, and comes back by itself when the connection breaks.
 *
 * The types come from the server's definition: `connect<typeof chat>("/ws/chat")`. They are not checked
 * here; they are as true as the server is the one that the definition is from.
 *
 * @throws {TidingsError} APP_INVALID_URL when the address is none, OPTION_INVALID.
 */
export function connect<TConsumer extends ConsumerTypes = ConsumerTypes>(
  address: string | URL,
  options: ConnectOptions = {},
): ClientConnection<TConsumer> {
  checkOptions(options, OPTIONS);
  return new ClientConnection<TConsumer>({ ...options, url: resolveUrl(address) });
}

const OPTIONS: OptionTypes<ConnectOptions> = {
  ...CONNECTION_OPTIONS,
  signal: "object",
  onReset: "function",
  queue: "object",
  plain: "boolean",
};
