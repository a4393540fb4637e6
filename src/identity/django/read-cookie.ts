/**
 * The value of a cookie in a `Cookie` header, as Django finds it: of several, the last.
 *
 * Whoever Django takes somebody for, we must take them for, too.
 */
export function readCookie(header: string, name: string): string | undefined {
  let value: string | undefined;
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) value = pair.slice(equals + 1).trim();
  }
  return value;
}
