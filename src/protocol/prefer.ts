/** One preference of a list; a comma within quotes ends none. */
const PREFERENCES = /(?:"(?:[^"\\]|\\.)*"?|[^",])+/g;
const WAIT = /^\s*wait\s*=\s*(?:"(\d+)"|(\d+))\s*(?:;|$)/i;
const ANY_WAIT = /^\s*wait\s*(?:[=;]|$)/i;

/**
 * Reads the seconds of `Prefer: wait=25`; `undefined` without it, or when it is no whole number.
 *
 * "If any preference is specified more than once, only the first instance is to be considered."
 *
 * @see https://www.rfc-editor.org/rfc/rfc7240#section-4.3
 */
export function parseWait(header: string | null): number | undefined {
  const preference = header?.match(PREFERENCES)?.find((text) => ANY_WAIT.test(text));
  const [, quoted, plain] = WAIT.exec(preference ?? "") ?? [];
  const seconds = Number(quoted ?? plain);
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}
