import { TidingsError } from "../core/errors.ts";

/** How a {@link LineReader} reads. */
export interface LineReaderOptions {
  /** Whether a CR, alone or before a LF, ends a line as well; otherwise only a LF does. */
  readonly crEnds: boolean;
  /** How many characters a line may have, finished or not. */
  readonly maxLength: number;
}

const LF = "\n";
const CRLF_OR_LF_OR_CR = /\r\n|\n|\r/;

/**
 * Cuts a stream of text or UTF-8 bytes into lines, wherever its chunks are cut.
 *
 * Of bytes, one leading byte order mark is dropped, and malformed UTF-8 becomes U+FFFD. What follows the
 * last line end is kept for the next chunk. Bound: `maxLength` characters.
 */
export class LineReader {
  readonly #options: LineReaderOptions;
  readonly #decoder = new TextDecoder();
  #pending = "";
  #endedWithCr = false;

  constructor(options: LineReaderOptions) {
    this.#options = options;
  }

  /**
   * Takes the next chunk; returns the lines that it completes, without their ends.
   *
   * @throws {TidingsError} MESSAGE_TOO_LARGE when a line is longer than allowed. The reader is then of
   *   no more use.
   */
  push(chunk: string | Uint8Array): readonly string[] {
    const text = this.#toText(chunk);
    const lines = text.split(this.#options.crEnds ? CRLF_OR_LF_OR_CR : LF);
    // The last one has no end yet. Only the new chunk is searched, however long the line grows.
    const rest = lines.pop() ?? "";
    if (lines.length === 0) {
      this.#pending += rest;
    } else {
      lines[0] = this.#pending + lines[0];
      this.#pending = rest;
    }
    for (const line of lines) this.#check(line);
    this.#check(this.#pending);
    return lines;
  }

  #toText(chunk: string | Uint8Array): string {
    let text = typeof chunk === "string" ? chunk : this.#decoder.decode(chunk, { stream: true });
    if (text === "") return text;
    // A CR that ended the last chunk has ended its line already.
    if (this.#endedWithCr && text.startsWith("\n")) text = text.slice(1);
    this.#endedWithCr = this.#options.crEnds && text.endsWith("\r");
    return text;
  }

  #check(line: string): void {
    const { maxLength } = this.#options;
    if (line.length <= maxLength) return;
    throw new TidingsError(
      "MESSAGE_TOO_LARGE",
      `expected a line of at most ${maxLength} characters, got ${line.length}`,
    );
  }
}
