import { TidingsError } from "../core/errors.ts";

/**
 * Returns the path that a `sqlite:` URL names.
 *
 * `sqlite:./data/tasks.db` is relative to the working folder, `sqlite:/var/tasks.db` and
 * `sqlite:///var/tasks.db` are absolute.
 *
 * @throws {TidingsError} APP_INVALID_URL when it names no file.
 */
export function parseSqlitePath(url: string): string {
  const path = decodeURIComponent(url.replace(/^sqlite:(\/\/(?=\/))?/, ""));
  if (path !== "" && !path.startsWith(":") && !path.startsWith("//") && !/[?#]/.test(path))
    return path;
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected a file in \`${url}\`, like sqlite:./data/tasks.db; for memory alone use memory:`,
  );
}
