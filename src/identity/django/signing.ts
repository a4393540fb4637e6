import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { inflateSync } from "node:zlib";

/** What a Django site signs with. */
export interface DjangoKeys {
  /** `SECRET_KEY`, then the `SECRET_KEY_FALLBACKS`. */
  readonly secrets: readonly string[];
  /** Whether SHA-1 counts, too, as Django 3.2 allows. */
  readonly allowSha1: boolean;
}

/** What was signed, and when. */
export interface Signed {
  readonly data: Buffer;
  /** In milliseconds since 1970. */
  readonly signedAt: number;
}

/** What a session may have when it is unpacked; Django sets no bound. */
export const MAX_SESSION_BYTES = 1_048_576;

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/**
 * Reads what `django.core.signing.dumps` made: `payload:timestamp:signature`.
 *
 * The payload is base64url, of zlib when a dot leads it. `null` when no key has signed it, or when it
 * is larger than {@link MAX_SESSION_BYTES}.
 *
 * @see https://docs.djangoproject.com/en/5.2/topics/signing/
 */
export function unsign(text: string, salt: string, keys: DjangoKeys): Signed | null {
  const match = /^((\.?)([\w-]*={0,2}):([0-9A-Za-z]{1,10})):([\w-]+)$/.exec(text);
  if (!match) return null;
  const [, signed = "", dot, payload = "", timestamp = "", signature = ""] = match;
  const isSigned = matchesAny(
    signature,
    hmacs(`${salt}signer`, signed, keys).map((hmac) => hmac.toString("base64url")),
  );
  if (!isSigned) return null;
  const bytes = Buffer.from(payload, "base64url");
  const data = dot ? inflate(bytes) : bytes;
  if (!data || data.length > MAX_SESSION_BYTES) return null;
  return { data, signedAt: fromBase62(timestamp) * 1000 };
}

/** Django's `salted_hmac` with each key, and with each algorithm that counts. */
export function hmacs(salt: string, value: string | Uint8Array, keys: DjangoKeys): Buffer[] {
  const algorithms = keys.allowSha1 ? ["sha256", "sha1"] : ["sha256"];
  return keys.secrets.flatMap((secret) =>
    algorithms.map((algorithm) => saltedHmac(salt, value, { secret, algorithm })),
  );
}

/** Django's `salted_hmac`: the key of the HMAC is a hash of salt and secret. */
export function saltedHmac(
  salt: string,
  value: string | Uint8Array,
  { secret, algorithm }: { readonly secret: string; readonly algorithm: string },
): Buffer {
  const key = createHash(algorithm)
    .update(salt + secret)
    .digest();
  return createHmac(algorithm, key).update(value).digest();
}

/** Whether a text is one of those expected, in a time that does not tell how much of it was right. */
export function matchesAny(given: string, expected: readonly string[]): boolean {
  const text = Buffer.from(given);
  let isMatch = false;
  for (const each of expected) {
    const right = Buffer.from(each);
    if (right.length === text.length && timingSafeEqual(right, text)) isMatch = true;
  }
  return isMatch;
}

/** Unpacks zlib; `null` when it is none, or larger than a session may be. */
export function inflate(bytes: Uint8Array): Buffer | null {
  try {
    return inflateSync(bytes, { maxOutputLength: MAX_SESSION_BYTES });
  } catch {
    return null; // not zlib, cut off, or beyond the bound: all the same to who asks
  }
}

function fromBase62(digits: string): number {
  let value = 0;
  for (const digit of digits) value = value * 62 + BASE62.indexOf(digit);
  return value;
}
