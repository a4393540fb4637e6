/** `name=value` with a token or a quoted string (RFC 7239 §4), and what follows it. */
const PAIR = /^\s*([!#$%&'*+\-.^_`|~\w]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*([;,]|$)/;

/**
 * Parses a `Forwarded` header: one map of parameters for each proxy, from the client's side to ours.
 *
 * Names are lower-case. Of a malformed header nothing is believed: one proxy of unknown parameters.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc7239#section-4
 */
export function parseForwarded(header: string): readonly ReadonlyMap<string, string>[] {
  const elements: Map<string, string>[] = [];
  let element = new Map<string, string>();
  let rest = header;
  while (rest.trim() !== "") {
    const pair = PAIR.exec(rest);
    if (!pair) return [new Map()];
    const [whole, name = "", quoted, token = "", separator] = pair;
    element.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, "$1") ?? token);
    rest = rest.slice(whole.length);
    if (separator === ";" && rest.trim() !== "") continue;
    elements.push(element);
    element = new Map();
  }
  return elements;
}
