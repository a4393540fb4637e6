import type { JSONWebKeySet, JWTVerifyGetKey } from "jose";

import { isTidingsError, TidingsError, toError } from "../../core/errors.ts";
import { invalidOption } from "../../core/options.ts";

type FoundKey = Awaited<ReturnType<JWTVerifyGetKey>>;

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 512 * 1_024;
/** After this they are fetched again. */
const FRESH_MS = 10 * 60_000;
/** For this long they count when they cannot be fetched again. */
const STALE_MS = 24 * 3_600_000;
/** They are not fetched more often, whatever tokens come. */
const COOLDOWN_MS = 30_000;
/** After a failure it is tried again no sooner. */
const FAILURE_COOLDOWN_MS = 5_000;

/**
 * Public keys that are fetched from a URL when the first token comes, and kept.
 *
 * A token of an unknown key makes them be fetched again, at most every 30 s. While the URL does not
 * answer, keys of the last 24 hours go on counting. Bounds: 5 s and 512 KiB; redirects are not followed.
 */
export class RemoteKeys {
  readonly #url: string;
  readonly #now: () => number;
  #keys: JWTVerifyGetKey | undefined;
  #fetchedAt = -Infinity;
  #failedAt = -Infinity;
  #failure: TidingsError | undefined;
  #fetching: Promise<void> | undefined;

  /** @throws {TidingsError} OPTION_INVALID when the URL is not https, nor on this machine. */
  constructor(url: string | URL, now: () => number = Date.now) {
    const parsed = URL.parse(String(url));
    const isSafe = parsed?.protocol === "https:" || (parsed && isLocal(parsed));
    if (!isSafe) throw invalidOption("jwks", "an https URL", String(url));
    this.#url = parsed.href;
    this.#now = now;
  }

  /**
   * The key that has signed a token.
   *
   * @throws {TidingsError} AUTH_KEYS_UNAVAILABLE when there are no keys and none can be fetched.
   * @throws {JOSEError} when no key fits.
   */
  async get(...[header, token]: Parameters<JWTVerifyGetKey>): Promise<FoundKey> {
    if (this.#age > FRESH_MS) await this.#refresh();
    if (!this.#keys) throw this.#failure ?? unavailable("they have not been fetched");
    try {
      return await this.#keys(header, token);
    } catch (error) {
      if (!isUnknownKey(error) || this.#age < COOLDOWN_MS) throw error;
      await this.#refresh();
      return await this.#keys(header, token);
    }
  }

  get #age(): number {
    return this.#now() - this.#fetchedAt;
  }

  /** One fetch at a time, for all who wait; fails only when there is nothing to go on with. */
  async #refresh(): Promise<void> {
    if (this.#now() - this.#failedAt >= FAILURE_COOLDOWN_MS) {
      this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
      await this.#fetching;
    }
    if (this.#age > STALE_MS) this.#keys = undefined;
  }

  async #fetch(): Promise<void> {
    try {
      const keySet = await fetchKeySet(this.#url);
      const { createLocalJWKSet } = await import("jose");
      this.#keys = createLocalJWKSet(keySet);
      this.#fetchedAt = this.#now();
      this.#failedAt = -Infinity;
    } catch (error) {
      this.#failedAt = this.#now();
      this.#failure = isTidingsError(error) ? error : unavailable(toError(error).message, error);
    }
  }
}

async function fetchKeySet(url: string): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    headers: { accept: "application/jwk-set+json, application/json" },
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw unavailable(`expected the status 200, got ${response.status}`);
  }
  const value: unknown = JSON.parse(await readText(response));
  if (isKeySet(value)) return { keys: value.keys.filter(({ kty }) => kty !== "oct") };
  throw unavailable("expected a JSON object with a list `keys`");
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw unavailable(`they have more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return typeof value === "object" && value !== null && "keys" in value && isKeys(value.keys);
}

function isKeys(keys: unknown): boolean {
  return Array.isArray(keys) && keys.every((key) => typeof key === "object" && key !== null);
}

function isUnknownKey(error: unknown): boolean {
  return Error.isError(error) && "code" in error && error.code === "ERR_JWKS_NO_MATCHING_KEY";
}

function isLocal({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function unavailable(reason: string, cause?: unknown): TidingsError {
  const message = `the keys that tokens are checked with cannot be fetched: ${reason}`;
  return new TidingsError("AUTH_KEYS_UNAVAILABLE", message, { cause });
}
