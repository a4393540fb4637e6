import { toError, TidingsError } from "../core/errors.ts";

/**
 * What a person at a terminal is told of an error that ended the command.
 *
 * Our own errors say what to do, so they are one line. Anything else is a fault of the program or of
 * the application, so its stack is shown, but for what is inside of Node.
 */
export function explain(thrown: unknown): string {
  const error = toError(thrown);
  if (!(error instanceof TidingsError)) return `tidings: ${toStack(error)}`;
  const cause =
    error.code === "APP_LOAD_FAILED" && Error.isError(error.cause) ? error.cause : undefined;
  return `tidings: ${error.message} [${error.code}]${cause ? `\n${toStack(cause)}` : ""}`;
}

function toStack({ stack, message }: Error): string {
  const lines = (stack ?? message).split("\n");
  return lines.filter((line) => !/^ +at (.+ \()?node:internal\//.test(line)).join("\n");
}
