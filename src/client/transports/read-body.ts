import { TidingsError } from "../../core/errors.ts";
import { inTime, type Patience } from "../in-time.ts";
import { parseJson } from "../parse-json.ts";
import type { Traffic } from "../traffic.ts";
import { SILENT_MS } from "../watch-silence.ts";

/** What {@link readChunks} needs. */
export interface ReadChunksOptions {
  readonly traffic?: Traffic | undefined;
  /** With the first piece. @default as with each */
  readonly first?: Patience | undefined;
}

const SILENT: Patience = { ms: SILENT_MS, reason: "the server has gone silent" };

/** Yields a body piece by piece, reading on only when asked; stops reading when the reader stops. */
export async function* readChunks(
  { body }: Response,
  { traffic, first = SILENT }: ReadChunksOptions,
): AsyncGenerator<Uint8Array, void> {
  if (!body) return;
  const reader = body.getReader();
  let patience = first;
  try {
    for (;;) {
      const { value } = await inTime(reader.read(), patience);
      if (!value) return;
      traffic?.body(value);
      yield value;
      patience = SILENT;
    }
  } finally {
    // It may have failed already, in which case there is nothing to cancel.
    reader.cancel().catch(() => {});
  }
}

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Reads a whole body as JSON.
 *
 * @throws {TidingsError} CLIENT_PROTOCOL when it is none, MESSAGE_TOO_LARGE beyond `maxBytes`.
 */
export async function readJson(
  response: Response,
  traffic: Traffic | undefined,
  maxBytes: number = MAX_BYTES,
): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of readChunks(response, { traffic })) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new TidingsError("MESSAGE_TOO_LARGE", `expected at most ${maxBytes} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return parseJson(text + decoder.decode());
}
