import { toError, TidingsError } from "../core/errors.ts";

/**
 * What a person at a terminal is told of an error that ended the command.
 *
 * Our own errors say what to do, so they are one line. Anything else is a fault of the program or of
 * the application, so its stack is shown.
 */
export function explain(thrown: unknown): string {
  const error = toError(thrown);
  if (!(error instanceof TidingsError)) return `tidings: ${error.stack ?? error.message}`;
  const cause =
    error.code === "APP_LOAD_FAILED" && Error.isError(error.cause) ? error.cause : undefined;
  return `tidings: ${error.message} [${error.code}]${cause ? `\n${cause.stack ?? cause.message}` : ""}`;
}
