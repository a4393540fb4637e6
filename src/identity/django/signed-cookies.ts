import { assertDuration, assertKnownOptions, optionNames } from "../../core/options.ts";
import type { DjangoSessionEngine } from "./session-engine.ts";
import { unsign } from "./signing.ts";

export interface DjangoSignedCookiesOptions {
  /** The site's `SESSION_COOKIE_AGE`, in milliseconds. @default 14 days */
  readonly cookieAgeMs?: number | undefined;
}

const NAMES = optionNames<DjangoSignedCookiesOptions>({
  cookieAgeMs: true,
});
const SALT = "django.contrib.sessions.backends.signed_cookies";

/**
 * Sessions in the cookie itself: `django.contrib.sessions.backends.signed_cookies`.
 *
 * Nothing is stored, hence nothing can be taken back: Django's logout deletes the cookie in the
 * browser, and whoever has a copy of it is recognised until its age or a new password ends it. A
 * connection that is open at the logout is not closed.
 *
 * @throws {TidingsError} OPTION_INVALID for a bad `cookieAgeMs`.
 */
export function djangoSignedCookies(options: DjangoSignedCookiesOptions = {}): DjangoSessionEngine {
  assertKnownOptions("`djangoSignedCookies`", options, NAMES);
  const { cookieAgeMs = 14 * 86_400_000 } = options;
  assertDuration("cookieAgeMs", cookieAgeMs);
  return {
    async load(cookie, keys) {
      const signed = unsign(cookie, SALT, keys);
      if (!signed) return null;
      const expiresAt = signed.signedAt + cookieAgeMs;
      return expiresAt > Date.now() ? { data: signed.data, expiresAt } : null;
    },
  };
}
