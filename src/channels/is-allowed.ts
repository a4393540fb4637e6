import { TidingsError } from "../core/errors.ts";

/**
 * Whether `true` was answered to a question who may pass.
 *
 * @throws {TidingsError} APP_INVALID_DEFINITION for what is neither true nor false: nobody can say what a
 *   `Response` or a word was to mean, so nobody passes.
 */
export function isAllowed(what: string, answer: unknown): boolean {
  if (typeof answer === "boolean") return answer;
  const got = answer === null ? "null" : typeof answer;
  throw new TidingsError(
    "APP_INVALID_DEFINITION",
    `${what} must return true or false, and has returned something else (${got})`,
  );
}
