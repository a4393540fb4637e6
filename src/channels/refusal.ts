import type { ErrorCode } from "../core/errors.ts";

/** What a refused client is told: a stable code to match on, and a sentence for a person. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The JSON answer to a request that is refused: `{ "error": { "code", "message" } }`. */
export function toErrorResponse({ status, code, message, headers }: Refusal): Response {
  return Response.json(
    { error: { code, message } },
    { status, headers: { "cache-control": "no-store", ...headers } },
  );
}
