import { isErrorBody } from "../../protocol/index.ts";
import { Interruption } from "../interruption.ts";
import { Refusal } from "../refusal.ts";
import { tokenHeader, type TokenSource } from "../token.ts";
import type { Traffic } from "../traffic.ts";
import { watchSilence } from "../watch-silence.ts";
import { readText } from "./read-body.ts";

/** What {@link request} needs. */
export interface RequestOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** @default GET */
  readonly method?: string | undefined;
  readonly body?: string | undefined;
  /** Whether it goes on when the page is left. */
  readonly keepalive?: boolean | undefined;
  readonly token?: TokenSource | undefined;
  readonly signal: AbortSignal;
  readonly traffic?: Traffic | undefined;
  /** How long the answer may take to begin. @default 30_000 */
  readonly timeoutMs?: number | undefined;
  /** Whether one that does not begin in time is held back by something in between. */
  readonly isBlockedWhenLate?: boolean | undefined;
}

/** "408 Request Timeout" and "429 Too Many Requests" ask to come back, as every 5xx does. */
const COME_BACK = new Set([408, 425, 429]);

/** Whether what is refused with this status may be let through later. */
export function isTemporary(status: number): boolean {
  return status >= 500 || COME_BACK.has(status);
}

const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Makes a request; returns the response when it is good, or "304 Not Modified".
 *
 * @throws {Refusal} for every other status below 500, with the code and the message of its body.
 * @throws {Interruption} for one that asks to come back, or when no answer begins in time.
 */
export async function request(url: URL, options: RequestOptions): Promise<Response> {
  const { traffic } = options;
  const headers = { ...options.headers, ...(await tokenHeader(options.token)) };
  traffic?.request(url, headers);
  const response = await fetchInTime(url, { ...options, headers });
  traffic?.response(response);
  const { status } = response;
  if (response.ok || status === 304) return response;
  if (!isTemporary(status)) throw await toRefusal(response, options);
  await response.body?.cancel();
  throw new Interruption(`answered with ${status}`, {
    retryAfterMs: Number(response.headers.get("retry-after") ?? 0) * 1000 || 0,
  });
}

async function fetchInTime(
  url: URL,
  { headers, method, body, keepalive, signal, ...options }: RequestOptions,
): Promise<Response> {
  const { timeoutMs = 30_000, isBlockedWhenLate: isBlocked } = options;
  const late = new AbortController();
  const watch = watchSilence(timeoutMs, () =>
    late.abort(new Interruption("no answer in time", { isBlocked })),
  );
  try {
    // "no-store": a cache in between would show us our own past.
    return await fetch(url, {
      headers: { ...headers },
      method: method ?? "GET",
      body: body ?? null,
      keepalive: keepalive ?? false,
      signal: AbortSignal.any([signal, late.signal]),
      cache: "no-store",
    });
  } finally {
    watch.stop();
  }
}

async function toRefusal(response: Response, { traffic }: RequestOptions): Promise<Refusal> {
  const { status } = response;
  const closeCode = 4000 + status;
  const message = `refused with ${status}`;
  try {
    const body: unknown = JSON.parse(
      await readText(response, { traffic, maxBytes: MAX_ERROR_BYTES }),
    );
    if (isErrorBody(body)) return new Refusal(closeCode, body.error.message, body.error.code);
  } catch {
    // Not ours, or cut off: the status says enough.
  }
  return new Refusal(closeCode, message);
}
