import { stdSerializers } from "pino";

/** A chain of causes that is longer tells nobody more. */
const MAX_CAUSES = 10;

/** What a log line says of an error: its message once, and those of its causes that say something else. */
export function toErrorFields(error: unknown): unknown {
  if (!Error.isError(error)) return error;
  return { ...stdSerializers.err(error), message: toMessage(error) };
}

function toMessage(error: Error): string {
  let text = error.message;
  let { cause } = error;
  for (let depth = 0; Error.isError(cause) && depth < MAX_CAUSES; depth++) {
    // "redis refused the command: NOAUTH …" tells no more than "cannot connect to Redis: NOAUTH …".
    const [, reason = cause.message] = /^[^:]+: (.+)$/s.exec(cause.message) ?? [];
    if (!text.includes(reason)) text += `: ${cause.message}`;
    ({ cause } = cause);
  }
  return text;
}
