import { type DjangoKeys, hmacs, matchesAny } from "./signing.ts";

const SALT = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash";

/**
 * Whether a session was opened with the password that a user has now.
 *
 * The session holds an HMAC of the password field (itself a hash): a new password ends the sessions.
 */
export function isSessionHash(hash: string, password: string, keys: DjangoKeys): boolean {
  const expected = hmacs(SALT, password, keys).map((hmac) => hmac.toString("hex"));
  return matchesAny(hash, expected);
}
