/**
 * Whether a close frame may carry this code.
 *
 * 1004 to 1006 and 1015 "MUST NOT be set as a status code in a Close control frame" (§7.4.1).
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-7.4
 */
export function isCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

/**
 * How many bytes precede a payload in an unmasked frame; a client's mask adds four.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-5.2
 */
export function frameHeaderLength(payloadLength: number): 2 | 4 | 10 {
  if (payloadLength < 126) return 2;
  return payloadLength < 65_536 ? 4 : 10;
}
