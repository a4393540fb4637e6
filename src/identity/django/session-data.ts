import { type DjangoKeys, MAX_SESSION_BYTES, matchesAny, saltedHmac, unsign } from "./signing.ts";

const SALT = "django.contrib.sessions.SessionStore";
const LEGACY_SALT = "django.contrib.sessionsSessionStore";

/**
 * Takes the session out of the column `session_data`, when the site has signed it.
 *
 * Since Django 3.1 that is signed as a cookie is; before, and while SHA-1 counts, it is base64 of
 * `HMAC:session`.
 */
export function readSessionData(text: string, keys: DjangoKeys): Uint8Array | null {
  // Base64 takes four characters for three bytes.
  if (text.length > MAX_SESSION_BYTES * 1.5) return null;
  const signed = unsign(text, SALT, keys);
  if (signed) return signed.data;
  return keys.allowSha1 ? readLegacySessionData(text, keys) : null;
}

function readLegacySessionData(text: string, { secrets }: DjangoKeys): Uint8Array | null {
  const bytes = Buffer.from(text, "base64");
  const colon = bytes.indexOf(":");
  if (colon < 0) return null;
  const session = bytes.subarray(colon + 1);
  const expected = secrets.map((secret) =>
    saltedHmac(LEGACY_SALT, session, { secret, algorithm: "sha1" }).toString("hex"),
  );
  return matchesAny(bytes.toString("latin1", 0, colon), expected) ? session : null;
}
