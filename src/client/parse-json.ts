import { TidingsError } from "../core/errors.ts";

/**
 * Reads JSON that a server has sent.
 *
 * @throws {TidingsError} CLIENT_PROTOCOL when it is none.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TidingsError("CLIENT_PROTOCOL", "expected JSON from the server", { cause });
  }
}
