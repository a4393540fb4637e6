/** The text of a response that stays open, read piece by piece. */
export interface OpenStream extends AsyncDisposable {
  readonly response: Response;
  /** Reads up to and including a text; throws after a while, or when the stream ends before. */
  until(text: string): Promise<string>;
}

/** Only a very busy machine needs it. */
const PATIENCE_MS = 20_000;

/** Opens a streaming response. */
export async function openStream(
  url: string,
  headers: Record<string, string>,
): Promise<OpenStream> {
  const abort = new AbortController();
  const unanswered = setTimeout(() => abort.abort(new Error(`no answer of ${url}`)), PATIENCE_MS);
  const response = await fetch(url, { headers, signal: abort.signal });
  clearTimeout(unanswered);
  if (!response.body) throw new Error("expected a body");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = "";
  return {
    response,
    async until(text) {
      const limit = setTimeout(
        () => abort.abort(new Error(`no ${JSON.stringify(text)} in ${PATIENCE_MS} ms`)),
        PATIENCE_MS,
      );
      while (!buffered.includes(text)) {
        const { done, value } = await reader.read();
        if (done)
          throw new Error(`ended before ${JSON.stringify(text)}, with ${JSON.stringify(buffered)}`);
        buffered += value;
      }
      clearTimeout(limit);
      const end = buffered.indexOf(text) + text.length;
      const piece = buffered.slice(0, end);
      buffered = buffered.slice(end);
      return piece;
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
    },
  };
}
