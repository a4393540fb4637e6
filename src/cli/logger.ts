import { pino, type Logger } from "pino";

import { toErrorFields } from "./error-fields.ts";
import { pinoPretty } from "./pretty.ts";

/** The levels that `--log-level` takes. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** Lines for people in a terminal, JSON objects for machines otherwise. */
export function createLogger(level: string, service: string, worker?: number): Logger {
  const base = { service, ...(worker === undefined ? {} : { worker }), pid: process.pid };
  const options = { level, base, serializers: { err: toErrorFields } };
  return process.stdout.isTTY || process.env["FORCE_COLOR"]
    ? pino(options, pinoPretty())
    : pino({
        ...options,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      });
}
