import { TidingsError } from "../core/errors.ts";
import { assertPositiveInteger } from "../core/options.ts";
import { LineReader } from "./line-reader.ts";

/** Options of an {@link NdjsonParser}. */
export interface NdjsonParserOptions {
  /** How many characters a line may have. @default 4_194_304 */
  readonly maxLineLength?: number | undefined;
}

const MAX_LINE_LENGTH = 4 * 1024 * 1024;

/**
 * Reads a stream of JSON values, one on each line, wherever its chunks are cut.
 *
 * Blank lines are heartbeats and yield nothing. A last line without an end was cut off, and is never
 * returned. Bound: one line.
 */
export class NdjsonParser {
  readonly #lines: LineReader;

  constructor({ maxLineLength = MAX_LINE_LENGTH }: NdjsonParserOptions = {}) {
    const maxLength = assertPositiveInteger("maxLineLength", maxLineLength);
    // A CR before the LF is white space to JSON; alone it ends no line.
    this.#lines = new LineReader({ crEnds: false, maxLength });
  }

  /**
   * Takes the next chunk; returns the values that it completes.
   *
   * @throws {TidingsError} MESSAGE_NOT_JSON for a line that is no JSON, MESSAGE_TOO_LARGE for one that
   *   is too long. The parser is then of no more use.
   */
  push(chunk: string | Uint8Array): readonly unknown[] {
    return this.#lines
      .push(chunk)
      .filter((line) => line.trim() !== "")
      .map(parseLine);
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new TidingsError("MESSAGE_NOT_JSON", "expected a line of JSON", { cause });
  }
}
