/**
 * Makes the token that a request presents; asked before every request and every handshake, so that who
 * comes back never comes with an old one. What it throws is taken as a network that is away.
 */
export type TokenSource = () => string | Promise<string>;

/** What a WebSocket offers beside its subprotocol, since browsers cannot give it a header. */
const SUBPROTOCOL_PREFIX = "bearer.";

/** The header of a request (RFC 6750 §2.1). */
export async function tokenHeader(
  token: TokenSource | undefined,
): Promise<Readonly<Record<string, string>>> {
  return token ? { authorization: `Bearer ${await token()}` } : {};
}

/** The subprotocols of a handshake, of which the server chooses none. */
export async function tokenProtocols(token: TokenSource | undefined): Promise<readonly string[]> {
  return token ? [SUBPROTOCOL_PREFIX + (await token())] : [];
}
