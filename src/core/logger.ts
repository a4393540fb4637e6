import { invalidOption } from "./options.ts";

/** The part of a logger that Tidings calls. A pino logger has it. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A logger that keeps quiet, the default of everything that is embedded in other programs. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** Throws OPTION_INVALID unless it has the four functions of a {@link Logger}, or is not given. */
export function assertLogger(logger: Logger | undefined): void {
  if (logger === undefined) return;
  if (LEVELS.every((level) => typeof logger?.[level] === "function")) return;
  throw invalidOption("logger", `a logger with ${LEVELS.join(", ")}`, logger);
}
