import { createHmac, timingSafeEqual } from "node:crypto";

import { TidingsError } from "../core/errors.ts";
import { invalidOption, wrongKind } from "../core/options.ts";

/** One secret, or several: the first signs, all of them verify. So one is replaced by another. */
export type Secret = string | readonly string[];

const MIN_SECRET_LENGTH = 32;

/**
 * Returns the secrets as a list.
 *
 * @throws {TidingsError} OPTION_INVALID for none, or one of fewer than 32 characters.
 */
export function toSecrets(secret: Secret): readonly [string, ...string[]] {
  const isText = typeof secret === "string";
  if (!isText && !(Array.isArray(secret) && secret.every((each) => typeof each === "string"))) {
    const expected = `a text of at least ${MIN_SECRET_LENGTH} characters, or a list of them`;
    throw wrongKind("secret", expected, secret);
  }
  const [first, ...others] = typeof secret === "string" ? [secret] : secret;
  if (first === undefined) throw invalidOption("secret", "at least one secret", "none");
  for (const { length } of [first, ...others]) {
    if (length >= MIN_SECRET_LENGTH) continue;
    throw new TidingsError(
      "OPTION_INVALID",
      `expected \`secret\` to be at least ${MIN_SECRET_LENGTH} characters, got ${length}`,
    );
  }
  return [first, ...others];
}

/** Signs texts for one purpose, with HMAC-SHA256: what was signed for another does not verify. */
export class Signature {
  readonly #secrets: readonly [string, ...string[]];
  readonly #purpose: string;

  constructor(secret: Secret, purpose: string) {
    this.#secrets = toSecrets(secret);
    this.#purpose = purpose;
  }

  /** The text with its signature: `<text>.<signature>`. */
  sign(text: string): string {
    return `${text}.${this.#hmac(text, this.#secrets[0])}`;
  }

  /** The text that was signed; `null` when it was not, or not by us. Takes the same time for any forgery. */
  verify(signed: string): string | null {
    const dot = signed.lastIndexOf(".");
    if (dot < 1) return null;
    const text = signed.slice(0, dot);
    const given = Buffer.from(signed.slice(dot + 1));
    for (const secret of this.#secrets) {
      const expected = Buffer.from(this.#hmac(text, secret));
      if (given.length === expected.length && timingSafeEqual(given, expected)) return text;
    }
    return null;
  }

  #hmac(text: string, secret: string): string {
    return createHmac("sha256", secret).update(`${this.#purpose}=${text}`).digest("base64url");
  }
}
