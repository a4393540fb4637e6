import { toErrorResponse, type Refusal } from "../channels/index.ts";
import { isTidingsError, toError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ServerLimits } from "./limits.ts";

/** Who is told of a failure, and what the server lets its clients use. */
interface FailureContext {
  readonly logger: Logger;
  readonly limits: ServerLimits;
}

/**
 * What a client is told when answering it failed: nothing of the reason, unless it can act on it.
 *
 * Errors that nobody has logged yet are logged here.
 */
export function toFailure(
  { logger, limits }: FailureContext,
  thrown: unknown,
  url: string | undefined,
): Response {
  if (isTidingsError(thrown, "REQUEST_TIMED_OUT")) {
    logger.warn({ path: url?.split("?")[0] }, `request refused: ${thrown.message}`);
  }
  const refusal = toRefusal(thrown, limits.maxBodyBytes);
  if (refusal) return toErrorResponse(refusal);
  // Without the query: it may hold a token.
  logger.error({ err: toError(thrown), url: url?.split("?")[0] }, "request failed");
  return toErrorResponse({ status: 500, code: "REQUEST_FAILED", message: "internal error" });
}

/** The answer to a body that is larger than a server takes. */
export function tooLarge(maxBodyBytes: number): Refusal {
  return {
    status: 413,
    code: "REQUEST_TOO_LARGE",
    message: `a body may have ${maxBodyBytes} bytes`,
    headers: { connection: "close" },
  };
}

function toRefusal(thrown: unknown, maxBodyBytes: number): Refusal | undefined {
  const again = { status: 503, headers: { "retry-after": "1" } };
  // The feed's source has logged why, once for everybody who asked for it.
  if (isTidingsError(thrown, "FEED_FAILED")) {
    return { ...again, code: "FEED_FAILED", message: "the feed has failed; ask again" };
  }
  if (isTidingsError(thrown, "FEED_OVERLOADED")) {
    return { ...again, code: "FEED_OVERLOADED", message: "too many are followed; ask again later" };
  }
  if (isTidingsError(thrown, "REQUEST_TIMED_OUT")) {
    return {
      ...again,
      code: "REQUEST_TIMED_OUT",
      message: thrown.message,
      headers: { ...again.headers, connection: "close" },
    };
  }
  // The pages' handler read a body that does not say its length, and let the error pass.
  if (Error.isError(thrown) && "code" in thrown && thrown.code === "ERR_BODY_TOO_LARGE") {
    return tooLarge(maxBodyBytes);
  }
  return undefined;
}
