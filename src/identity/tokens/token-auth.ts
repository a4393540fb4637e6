import type { JWTPayload, JWTVerifyOptions } from "jose";

import { offerScheme, toErrorResponse, type Middleware, type User } from "../../channels/index.ts";
import { isTidingsError } from "../../core/errors.ts";
import {
  assertDuration,
  assertFunction,
  assertKnownOptions,
  assertPositiveInteger,
  assertTexts,
  invalidOption,
  optionNames,
} from "../../core/options.ts";
import { presentedToken, type TokenPlace } from "./presented-token.ts";
import {
  toKeyring,
  type PublicTokenKey,
  type SecretTokenKey,
  type TokenKeyring,
  type TokenKeys,
  type TokenKeySet,
  type VerifyKey,
} from "./token-keys.ts";

/** What a token that holds says. */
export type TokenClaims = JWTPayload;

/** Which tokens count, and whose they are. */
export interface TokenRules {
  /** Finds the user that a token speaks of; `null` is nobody, who is refused. */
  readonly user: (claims: TokenClaims) => User | null | Promise<User | null>;
  /** Who must have issued it. @default anybody who has the key */
  readonly issuer?: string | readonly string[] | undefined;
  /** Whom it must be meant for. @default anybody */
  readonly audience?: string | readonly string[] | undefined;
  /** The algorithms that count. @default HS256 for a secret, every one of public keys else */
  readonly algorithms?: readonly string[] | undefined;
  /** How far the clocks of issuer and server may differ. @default 5_000 */
  readonly clockToleranceMs?: number | undefined;
  /** Where it may stand. @default ["header", "subprotocol"] */
  readonly from?: readonly TokenPlace[] | undefined;
  /** Whether a request without a token is refused; otherwise it is nobody's. @default true */
  readonly required?: boolean | undefined;
  /** How often an open connection's user is asked for again. @default 60_000 */
  readonly recheckMs?: number | undefined;
}

export type TokenAuthOptions = TokenRules & TokenKeys;

const NAMES = optionNames<TokenRules & SecretTokenKey & PublicTokenKey & TokenKeySet>({
  secret: true,
  publicKey: true,
  jwks: true,
  user: true,
  issuer: true,
  audience: true,
  algorithms: true,
  clockToleranceMs: true,
  from: true,
  required: true,
  recheckMs: true,
});

/**
 * Recognises the user of a request by a signed token: a JWT (RFC 7519).
 *
 * A token must have an end (`exp`). A connection that stays open is looked at again every `recheckMs`
 * and when its token ends: then it is closed with 3000, and the client comes back with a new one.
 *
 * Refused as RFC 6750 says, with `WWW-Authenticate`: 401 REQUEST_UNAUTHENTICATED without a token or
 * with one that does not hold, also when none is `required`; 400 REQUEST_MALFORMED with several. The
 * answer never holds the token. Pages send tokens only when they mean to, so that other origins are
 * not refused. Once a middleware before it has recognised somebody, it does nothing.
 *
 * Keys that cannot be fetched are AUTH_KEYS_UNAVAILABLE, which is logged and answered with 500.
 *
 * @throws {TidingsError} OPTION_INVALID for a bad key, or an option that is wrong, missing, or that nobody knows.
 * @see https://datatracker.ietf.org/doc/html/rfc6750
 */
export function tokenAuth(options: TokenAuthOptions): Middleware {
  assertKnownOptions("`tokenAuth`", options, NAMES);
  const { from = ["header", "subprotocol"], required = true, recheckMs = 60_000, user } = options;
  assertFunction("user", user);
  assertPositiveInteger("recheckMs", recheckMs);
  assertPlaces(from);
  const verify = toVerifier(toKeyring(options), options);
  const toleranceMs = options.clockToleranceMs ?? DEFAULT_TOLERANCE_MS;
  return async (context) => {
    if (context.user) return undefined;
    const presented = presentedToken(context, from);
    if (!presented) {
      if (required) return refuse({ status: 401, message: "a token is required" });
      offerScheme(context, "Bearer");
      return undefined;
    }
    if ("problem" in presented) {
      return refuse({ status: 400, error: "invalid_request", message: presented.problem });
    }
    const verified = await verify(presented.token);
    if ("problem" in verified) return refuse(invalidToken(verified.problem));
    const found = await user(verified.claims);
    if (!found) return refuse(invalidToken("the token is nobody's"));
    context.user = found;
    const end = (verified.claims.exp ?? 0) * 1_000 + toleranceMs;
    context.expireAt(Math.min(Date.now() + recheckMs, end));
    return undefined;
  };
}

const DEFAULT_TOLERANCE_MS = 5_000;
const PLACES: readonly TokenPlace[] = ["header", "subprotocol", "query"];

type Verified = { readonly claims: TokenClaims } | { readonly problem: string };

function toVerifier(
  keyring: TokenKeyring,
  rules: TokenRules,
): (token: string) => Promise<Verified> {
  const options = toVerifyOptions(keyring, rules);
  return async (token) => {
    let problem = "the token does not hold";
    for (const key of await keyring.load()) {
      try {
        return { claims: await verifyWith(token, key, options) };
      } catch (error) {
        if (isTidingsError(error)) throw error;
        problem = explain(error);
      }
    }
    return { problem };
  };
}

/** `jose` is loaded with the first token, so that who has no tokens does not load it. */
async function verifyWith(
  token: string,
  key: VerifyKey,
  options: JWTVerifyOptions,
): Promise<TokenClaims> {
  const { jwtVerify } = await import("jose");
  const { payload } =
    typeof key === "function"
      ? await jwtVerify(token, key, options)
      : await jwtVerify(token, key, options);
  return payload;
}

function toVerifyOptions(
  keyring: TokenKeyring,
  {
    algorithms = keyring.algorithms,
    clockToleranceMs = DEFAULT_TOLERANCE_MS,
    issuer,
    audience,
  }: TokenRules,
): JWTVerifyOptions {
  assertTexts("algorithms", algorithms);
  const unknown = algorithms.find((name) => !keyring.known.includes(name));
  if (unknown !== undefined || algorithms.length === 0) {
    throw invalidOption("algorithms", `some of ${keyring.known.join(", ")}`, unknown ?? "none");
  }
  return {
    algorithms: [...algorithms],
    clockTolerance: assertDuration("clockToleranceMs", clockToleranceMs) / 1_000,
    requiredClaims: ["exp"],
    ...(issuer !== undefined && { issuer: [issuer].flat() }),
    ...(audience !== undefined && { audience: [audience].flat() }),
  };
}

function assertPlaces(from: readonly TokenPlace[]): void {
  assertTexts("from", from);
  const unknown = from.find((place) => !PLACES.includes(place));
  if (unknown === undefined && from.length > 0) return;
  throw invalidOption("from", `some of ${PLACES.join(", ")}`, unknown ?? "none");
}

/** What is wrong with a token, in words that hold nothing of it. */
function explain(error: unknown): string {
  if (!Error.isError(error) || !("code" in error)) return "the token does not hold";
  if (error.code === "ERR_JWT_EXPIRED") return "the token has expired";
  if (error.code !== "ERR_JWT_CLAIM_VALIDATION_FAILED") return "the token does not hold";
  const claim = "claim" in error && typeof error.claim === "string" ? error.claim : "";
  return /^\w{1,20}$/.test(claim) ? `the token's claim ${claim} does not hold` : "no claim holds";
}

interface TokenRefusal {
  readonly status: 400 | 401;
  /** An error code of RFC 6750 §3.1; none when there was no token at all. */
  readonly error?: "invalid_request" | "invalid_token";
  readonly message: string;
}

function invalidToken(message: string): TokenRefusal {
  return { status: 401, error: "invalid_token", message };
}

function refuse({ status, error, message }: TokenRefusal): Response {
  const challenge = error ? `Bearer error="${error}", error_description="${message}"` : "Bearer";
  return toErrorResponse({
    status,
    code: status === 400 ? "REQUEST_MALFORMED" : "REQUEST_UNAUTHENTICATED",
    message,
    headers: { "www-authenticate": challenge },
  });
}
