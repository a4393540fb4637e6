import { TidingsError } from "../core/errors.ts";

/**
 * Throws when something is in memory, although the layer is where other processes are, too.
 *
 * @throws {TidingsError} APP_INVALID_DEFINITION
 */
export function assertShared(
  name: string,
  url: string | undefined,
  urlOfLayer: string | undefined,
): void {
  const isOfOneProcess = urlOfLayer === undefined || isMemory(urlOfLayer);
  if (isOfOneProcess || url === undefined || !isMemory(url)) return;
  throw new TidingsError(
    "APP_INVALID_DEFINITION",
    `\`${name}\` is memory:, which the other processes on the layer's Redis do not see`,
  );
}

function isMemory(url: string): boolean {
  return /^memory:(?:\/\/)?$/i.test(url);
}
