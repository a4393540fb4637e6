import { TidingsError } from "../../core/errors.ts";
import { withParameter } from "../resolve-url.ts";
import { readChunks } from "./read-body.ts";
import { request } from "./request.ts";
import type { TransportRequest } from "./transport.ts";

const NO_CONTENT = 204;
const HEADERS_MS = 10_000;
/** A server sends the first bytes with the headers: something in between keeps them. */
const HELD_BACK = { ms: 5_000, reason: "something holds the stream back", isBlocked: true };

/**
 * Opens a response that stays open; `undefined` when the server says that nothing more will come.
 *
 * A reader that is slow slows the server down, since nothing is read ahead but what the runtime and
 * the network hold. It counts as open when its first bytes are there: a proxy may keep
 * the response until it ends, or show its headers and keep the rest.
 *
 * @throws {TidingsError} CLIENT_PROTOCOL when the answer has another type.
 */
export async function openStream(
  options: TransportRequest,
  mediaType: string,
): Promise<AsyncGenerator<Uint8Array, void> | undefined> {
  const { url, place, traffic, opened } = options;
  const response = await request(withParameter(url, "cursor", place.cursor), {
    ...options,
    headers: { accept: mediaType },
    patience: { ms: HEADERS_MS, isBlocked: true },
  });
  if (response.status === NO_CONTENT) return undefined;
  const type = response.headers.get("content-type") ?? "";
  if (type.split(";")[0]?.trim().toLowerCase() !== mediaType) {
    await response.body?.cancel();
    throw new TidingsError("CLIENT_PROTOCOL", `expected ${mediaType}, got \`${type}\``);
  }
  return announced(readChunks(response, { traffic, first: HELD_BACK }), opened);
}

async function* announced(
  chunks: AsyncGenerator<Uint8Array, void>,
  opened: () => void,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    opened();
    yield chunk;
  }
}
