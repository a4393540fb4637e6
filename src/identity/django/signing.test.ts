import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { readSessionData } from "./session-data.ts";
import { isSessionHash } from "./session-hash.ts";
import { readSession } from "./session.ts";
import { type DjangoKeys, MAX_SESSION_BYTES, saltedHmac, unsign } from "./signing.ts";

/** Written by Debian's Django 3.2: see test/python/django/make_vectors.py. */
const vectors: {
  readonly key: string;
  readonly oldKey: string;
  readonly signedAt: number;
  readonly sessionData: Readonly<Record<string, string>>;
  readonly cookies: Readonly<Record<string, string>>;
  readonly hashes: Readonly<Record<string, string>>;
} = JSON.parse(
  readFileSync(new URL("../../../test/python/django/vectors.json", import.meta.url), "utf8"),
);
const { sessionData, cookies, hashes } = vectors;

const keys: DjangoKeys = { secrets: [vectors.key], allowSha1: false };
const sha1Keys: DjangoKeys = { secrets: [vectors.key], allowSha1: true };
const rotatedKeys: DjangoKeys = { secrets: [vectors.key, vectors.oldKey], allowSha1: false };
const COOKIE_SALT = "django.contrib.sessions.backends.signed_cookies";
const signedIn = {
  userId: "7",
  backend: "django.contrib.auth.backends.ModelBackend",
  hash: "0".repeat(64),
};

describe("unsign", () => {
  test.each(["plain", "compressed"])("reads a %s cookie of Django", (name) => {
    const signed = unsign(cookies[name]!, COOKIE_SALT, keys);
    expect(readSession(signed!.data)).toEqual(signedIn);
    expect(signed!.signedAt).toBe(vectors.signedAt);
  });

  test("reads a payload that Django did not compress", () => {
    expect(String(unsign(cookies["short"]!, COOKIE_SALT, keys)?.data)).toBe('{"a":1}');
  });

  test("refuses a cookie in which any character is another", () => {
    const cookie = cookies["short"]!;
    const changed = Array.from(cookie, (character, index) => {
      const other = character === "A" ? "B" : "A";
      return cookie.slice(0, index) + other + cookie.slice(index + 1);
    });
    expect(changed.filter((each) => unsign(each, COOKIE_SALT, keys))).toEqual([]);
  });

  test("refuses what was signed for another use", () => {
    expect(unsign(sessionData["plain"]!, COOKIE_SALT, keys)).toBeNull();
  });

  test("takes a former key only when it is among the fallbacks", () => {
    expect(unsign(cookies["oldKey"]!, COOKIE_SALT, keys)).toBeNull();
    expect(unsign(cookies["oldKey"]!, COOKIE_SALT, rotatedKeys)).not.toBeNull();
  });

  test("takes SHA-1 only when it is allowed", () => {
    expect(unsign(cookies["sha1"]!, COOKIE_SALT, keys)).toBeNull();
    expect(unsign(cookies["sha1"]!, COOKIE_SALT, sha1Keys)).not.toBeNull();
  });

  test("refuses a signed payload that is more than a session may have", () => {
    const sign = (bytes: number, isPacked = true): string => {
      const data = Buffer.alloc(bytes, "x");
      const packed = isPacked ? `.${deflateSync(data).toString("base64url")}` : null;
      const value = `${packed ?? data.toString("base64url")}:1x8elk`;
      const hmac = saltedHmac(`${COOKIE_SALT}signer`, value, {
        secret: vectors.key,
        algorithm: "sha256",
      });
      return `${value}:${hmac.toString("base64url")}`;
    };
    expect(unsign(sign(MAX_SESSION_BYTES), COOKIE_SALT, keys)?.data).toHaveLength(
      MAX_SESSION_BYTES,
    );
    expect(unsign(sign(MAX_SESSION_BYTES + 1), COOKIE_SALT, keys)).toBeNull();
    expect(unsign(sign(MAX_SESSION_BYTES, false), COOKIE_SALT, keys)).not.toBeNull();
    expect(unsign(sign(MAX_SESSION_BYTES + 1, false), COOKIE_SALT, keys)).toBeNull();
  });

  test.each(["", ":", "::", "a:b", ".:1:x", "ä:1:x", "\0"])("refuses %j", (text) => {
    expect(unsign(text, COOKIE_SALT, keys)).toBeNull();
  });
});

describe("readSessionData", () => {
  test.each(["plain", "compressed"])("reads %s session data of Django", (name) => {
    expect(readSession(readSessionData(sessionData[name]!, keys)!)).toEqual(signedIn);
  });

  test("reads the form from before Django 3.1 only when SHA-1 is allowed", () => {
    expect(readSessionData(sessionData["sha1"]!, keys)).toBeNull();
    expect(readSession(readSessionData(sessionData["sha1"]!, sha1Keys)!)).toEqual(signedIn);
  });

  test("refuses the form from before Django 3.1 when it was changed", () => {
    const [hash, ...session] = Buffer.from(sessionData["sha1"]!, "base64").toString().split(":");
    const forged = Buffer.from(`${hash}:${session.join(":").replace('"7"', '"1"')}`);
    expect(readSessionData(forged.toString("base64"), sha1Keys)).toBeNull();
    expect(readSessionData("no colon", sha1Keys)).toBeNull();
  });

  test("takes a former key only when it is among the fallbacks", () => {
    expect(readSessionData(sessionData["oldKey"]!, keys)).toBeNull();
    expect(readSessionData(sessionData["oldKey"]!, rotatedKeys)).not.toBeNull();
  });
});

describe("isSessionHash", () => {
  const password = hashes["password"]!;

  test("knows the hash that Django makes of the password field", () => {
    expect(isSessionHash(hashes["sha256"]!, password, keys)).toBe(true);
    expect(isSessionHash(hashes["sha256"]!, `${password}0`, keys)).toBe(false);
    expect(isSessionHash(hashes["sha256"]!.slice(1), password, keys)).toBe(false);
    expect(isSessionHash("", password, keys)).toBe(false);
  });

  test("takes a former key and SHA-1 only when they count", () => {
    const formerKeys = { secrets: ["a newer key", vectors.key], allowSha1: false };
    expect(isSessionHash(hashes["sha256"]!, password, formerKeys)).toBe(true);
    expect(isSessionHash(hashes["sha1"]!, password, keys)).toBe(false);
    expect(isSessionHash(hashes["sha1"]!, password, sha1Keys)).toBe(true);
  });
});
