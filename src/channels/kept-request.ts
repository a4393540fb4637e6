/**
 * A request without a body, kept as one text: its URL, then names and values of its headers in turn.
 *
 * A connection may stay open for days without anybody asking for its request, and there are many.
 */
export class KeptRequest {
  /** A line each, which neither a URL nor a header can contain. */
  readonly #text: string;

  constructor(url: string, rawHeaders: readonly string[]) {
    this.#text = [url, ...rawHeaders].join("\n");
  }

  static of({ url, headers }: Request): KeptRequest {
    return new KeptRequest(url, [...headers].flat());
  }

  /** Makes the request anew. */
  open(): Request {
    const [url = "", ...rawHeaders] = this.#text.split("\n");
    const headers = new Headers();
    for (let index = 0; index < rawHeaders.length; index += 2) {
      headers.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
    }
    return new Request(url, { headers });
  }
}
