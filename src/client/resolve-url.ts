import { TidingsError } from "../core/errors.ts";
import { pageAddress } from "./browser.ts";

/**
 * Resolves an address from another one on, else as a page would; outside a page it must be absolute.
 * Always http or https.
 *
 * @throws {TidingsError} APP_INVALID_URL for everything else.
 */
export function resolveUrl(
  address: string | URL,
  base: string | URL | undefined = pageAddress(),
): URL {
  try {
    const url = new URL(address, base);
    url.protocol = url.protocol.replace(/^ws/, "http");
    url.hash = "";
    if (/^https?:/.test(url.protocol)) return url;
  } catch {
    // What is no address at all is refused as well.
  }
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected an address of HTTP or a WebSocket, absolute where there is no page, got \`${String(address)}\``,
  );
}

/** The same address for a WebSocket. */
export function toWebSocketUrl(url: URL): URL {
  const copy = new URL(url);
  copy.protocol = copy.protocol.replace("http", "ws");
  return copy;
}

/** The same address with a query parameter set; without a value, unchanged. */
export function withParameter(url: URL, name: string, value: string | undefined): URL {
  if (value === undefined) return url;
  const copy = new URL(url);
  copy.searchParams.set(name, value);
  return copy;
}
