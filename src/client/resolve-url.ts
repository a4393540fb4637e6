import { TidingsError } from "../core/errors.ts";
import { pageAddress } from "./browser.ts";

/**
 * Resolves an address as a page would; outside a page it must be absolute. Always http or https.
 *
 * @throws {TidingsError} APP_INVALID_URL for everything else.
 */
export function resolveUrl(address: string | URL): URL {
  const url = toUrl(address);
  url.hash = "";
  if (url.protocol === "ws:" || url.protocol === "wss:") url.protocol = otherScheme(url);
  if (url.protocol === "http:" || url.protocol === "https:") return url;
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected an address with http:, https:, ws: or wss:, got \`${url.protocol}\``,
  );
}

/** The same address for a WebSocket. */
export function toWebSocketUrl(url: URL): URL {
  const copy = new URL(url);
  copy.protocol = otherScheme(url);
  return copy;
}

/** The same address with a query parameter set; without a value, unchanged. */
export function withParameter(url: URL, name: string, value: string | undefined): URL {
  if (value === undefined) return url;
  const copy = new URL(url);
  copy.searchParams.set(name, value);
  return copy;
}

const OTHER_SCHEMES: Readonly<Record<string, string>> = {
  "http:": "ws:",
  "https:": "wss:",
  "ws:": "http:",
  "wss:": "https:",
};

function otherScheme({ protocol }: URL): string {
  return OTHER_SCHEMES[protocol] ?? protocol;
}

function toUrl(address: string | URL): URL {
  try {
    return new URL(address, pageAddress());
  } catch (cause) {
    throw new TidingsError(
      "APP_INVALID_URL",
      `expected an address, absolute where there is no page, got \`${String(address)}\``,
      { cause },
    );
  }
}
