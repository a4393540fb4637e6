import { TidingsError } from "../../core/errors.ts";
import { Interruption, type InterruptionOptions } from "../interruption.ts";
import type { Traffic } from "../traffic.ts";
import { SILENT_MS, watchSilence, type SilenceWatch } from "../watch-silence.ts";

/** What {@link readChunks} needs. */
export interface ReadChunksOptions {
  readonly traffic?: Traffic | undefined;
  /** How long the server may be silent. @default 35_000 */
  readonly idleMs?: number | undefined;
  /** How long the first piece may take; without it, something in between holds the body back. */
  readonly firstMs?: number | undefined;
}

/** Yields a body piece by piece, reading on only when asked; stops reading when the reader stops. */
export async function* readChunks(
  { body }: Response,
  { traffic, idleMs = SILENT_MS, firstMs }: ReadChunksOptions,
): AsyncGenerator<Uint8Array, void> {
  if (!body) return;
  const reader = body.getReader();
  try {
    for (let isFirst = true; ; isFirst = false) {
      const chunk =
        isFirst && firstMs !== undefined
          ? await inTime(reader.read(), firstMs, HELD_BACK)
          : await inTime(reader.read(), idleMs, SILENT);
      if (chunk.value === undefined) return;
      traffic?.body(chunk.value);
      yield chunk.value;
    }
  } finally {
    // It may have failed already, in which case there is nothing to cancel.
    reader.cancel().catch(() => {});
  }
}

/** What {@link readText} needs. */
export interface ReadTextOptions extends ReadChunksOptions {
  /** How large the body may be. */
  readonly maxBytes: number;
}

/**
 * Reads a whole body as text.
 *
 * @throws {TidingsError} MESSAGE_TOO_LARGE when it is larger than allowed.
 */
export async function readText(response: Response, options: ReadTextOptions): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of readChunks(response, options)) {
    size += chunk.length;
    if (size > options.maxBytes) {
      throw new TidingsError(
        "MESSAGE_TOO_LARGE",
        `expected an answer of at most ${options.maxBytes} bytes`,
      );
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

const SILENT = { message: "the server has gone silent" };
/** Headers came, and no body: something in between keeps it. */
const HELD_BACK = { message: "something holds the stream back", isBlocked: true };

interface Silence extends InterruptionOptions {
  readonly message: string;
}

async function inTime<T>(promise: Promise<T>, ms: number, silence: Silence): Promise<T> {
  let watch: SilenceWatch | undefined;
  const late = new Promise<never>((_, reject) => {
    watch = watchSilence(ms, () => reject(new Interruption(silence.message, silence)));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    watch?.stop();
  }
}
