/** "Unauthorized" in the IANA registry of close codes: the credentials have ended. */
const UNAUTHORIZED = 3000;
const NORMAL = 1000;
/** What a client closes a WebSocket with when its connection is to live on (PROTOCOL.md 10.8). */
export const COMING_BACK = 4999;

/**
 * Whether a close code says that coming back is of no use: done, policy, or ours (PROTOCOL.md 4.6).
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-7.4.1
 */
export function isFinalClose(code: number): boolean {
  if (code === NORMAL || code === 1008 || code === UNAUTHORIZED) return true;
  return code >= 4400 && code <= 4499;
}
