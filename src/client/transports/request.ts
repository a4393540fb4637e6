import { isErrorBody } from "../../protocol/index.ts";
import { inTime, type Patience } from "../in-time.ts";
import { Interruption } from "../interruption.ts";
import { Refusal } from "../refusal.ts";
import { tokenHeader, type TokenSource } from "../token.ts";
import type { Traffic } from "../traffic.ts";
import { readJson } from "./read-body.ts";

/** What {@link request} needs. */
export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The method, a body and the like. @default a GET */
  readonly init?: RequestInit | undefined;
  readonly token?: TokenSource | undefined;
  readonly signal: AbortSignal;
  readonly traffic?: Traffic | undefined;
  /** Until the answer begins. @default 30 s */
  readonly patience?: Omit<Patience, "reason"> | undefined;
}

/** "408 Request Timeout" and "429 Too Many Requests" ask to come back, as every 5xx does. */
const COME_BACK = [408, 425, 429];

/** Whether what is refused with this status may be let through later. */
export function isTemporary(status: number): boolean {
  return status >= 500 || COME_BACK.includes(status);
}

const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Makes a request; returns the response when it is good, or "304 Not Modified".
 *
 * @throws {Refusal} for every other status below 500, with the code and the message of its body.
 * @throws {Interruption} for one that asks to come back, or when no answer begins in time.
 */
export async function request(url: URL, options: RequestOptions): Promise<Response> {
  const { init, signal, traffic, patience } = options;
  const headers = { ...options.headers, ...(await tokenHeader(options.token)) };
  traffic?.request(url, headers, init);
  const late = new AbortController();
  const both = AbortSignal.any([signal, late.signal]);
  try {
    const answer = fetch(url, {
      ...init,
      headers,
      signal: both,
      // A cache in between would show us our own past.
      cache: "no-store",
      // To another origin, too: a WebSocket's handshake brings the cookies as well.
      credentials: "include",
    });
    const response = await inTime(answer, {
      ms: 30_000,
      reason: "no answer in time",
      ...patience,
    });
    traffic?.response(response);
    if (response.ok || response.status === 304) return response;
    throw await toError(response, traffic);
  } catch (thrown) {
    late.abort();
    throw thrown;
  }
}

/** What the server says is the matter. */
async function toError(response: Response, traffic: Traffic | undefined): Promise<Error> {
  const { status, headers } = response;
  const code = 4000 + status;
  // Not ours, or cut off: the status says enough.
  const body = await readJson(response, traffic, MAX_ERROR_BYTES).catch(() => undefined);
  const error = isErrorBody(body) ? body.error : undefined;
  const message = error?.message ?? `refused with ${status}`;
  if (!isTemporary(status)) return new Refusal(code, message, error?.code);
  const retryAfterMs = Number(headers.get("retry-after") ?? 0) * 1000 || 0;
  return new Interruption(message, { code, retryAfterMs });
}
