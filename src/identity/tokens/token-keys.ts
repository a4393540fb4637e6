import { createPublicKey, type KeyObject } from "node:crypto";

import type { JSONWebKeySet, JWTVerifyGetKey } from "jose";

import { TidingsError } from "../../core/errors.ts";
import { invalidOption } from "../../core/options.ts";
import { toSecrets, type Secret } from "../signature.ts";
import { RemoteKeys } from "./remote-keys.ts";

/** A secret that we share with whoever issues the tokens. */
export interface SecretTokenKey {
  /** At least 32 characters; several while one replaces another. */
  readonly secret: Secret;
}

/** The public key of whoever issues the tokens. */
export interface PublicTokenKey {
  /** In PEM (SPKI or X.509). */
  readonly publicKey: string;
}

/** The public keys of whoever issues the tokens, told apart by `kid`. */
export interface TokenKeySet {
  /** The URL where they are, https or on this machine; or the keys themselves. */
  readonly jwks: string | URL | JSONWebKeySet;
}

export type TokenKeys = SecretTokenKey | PublicTokenKey | TokenKeySet;

/** One of these must have signed the token. */
export type VerifyKey = Uint8Array | KeyObject | JWTVerifyGetKey;

/** Keys, and the algorithms that fit their kind. */
export interface TokenKeyring {
  /** The algorithms that are allowed unless others are named. */
  readonly algorithms: readonly string[];
  /** Every algorithm that may be named. */
  readonly known: readonly string[];
  /** The keys to try, one after another. */
  load(): Promise<readonly VerifyKey[]>;
}

const SYMMETRIC = ["HS256", "HS384", "HS512"];
const ASYMMETRIC = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ");

/**
 * The keys that the options name.
 *
 * A secret verifies HMACs and nothing else, a public key everything but HMACs: so nobody can use a
 * public key, which everybody knows, as if it were a secret.
 *
 * @throws {TidingsError} OPTION_INVALID. A key is never in the message.
 */
export function toKeyring(options: TokenKeys): TokenKeyring {
  assertOneKey(options);
  if ("secret" in options && options.secret !== undefined) {
    const secrets = toSecrets(options.secret).map((secret) => new TextEncoder().encode(secret));
    return { algorithms: ["HS256"], known: SYMMETRIC, load: async () => secrets };
  }
  const common = { algorithms: ASYMMETRIC, known: ASYMMETRIC };
  if ("publicKey" in options && options.publicKey !== undefined) {
    const key = parsePublicKey(options.publicKey);
    return { ...common, load: async () => [key] };
  }
  return { ...common, load: loadKeySet("jwks" in options ? options.jwks : undefined) };
}

const KINDS = ["secret", "publicKey", "jwks"];

/** With two kinds of keys nobody could say which of them counts. */
function assertOneKey(options: TokenKeys): void {
  const given = Object.entries(options).flatMap(([name, value]) =>
    KINDS.includes(name) && value !== undefined ? [`\`${name}\``] : [],
  );
  if (given.length === 1) return;
  throw new TidingsError(
    "OPTION_INVALID",
    `expected \`tokenAuth\` to have exactly one of \`secret\`, \`publicKey\`, \`jwks\`, got ${given.join(", ") || "none"}`,
  );
}

function parsePublicKey(pem: string): KeyObject {
  if (/PRIVATE KEY/.test(pem)) throw invalidOption("publicKey", "a public key", "a private key");
  try {
    return createPublicKey(pem);
  } catch {
    throw invalidOption("publicKey", "a public key in PEM", "something else");
  }
}

function loadKeySet(jwks: TokenKeySet["jwks"] | undefined): () => Promise<readonly VerifyKey[]> {
  if (typeof jwks === "string" || jwks instanceof URL) {
    const remote = new RemoteKeys(jwks);
    const get: JWTVerifyGetKey = async (header, token) => await remote.get(header, token);
    return async () => [get];
  }
  if (!jwks || !Array.isArray(jwks.keys) || jwks.keys.some(({ kty }) => kty === "oct")) {
    throw invalidOption("jwks", "a URL, or a set of public keys", "something else");
  }
  return async () => [(await import("jose")).createLocalJWKSet(jwks)];
}
