import { describe, expect, test } from "vitest";

import { Fernet, type FernetOptions } from "./fernet.ts";

const plain = Buffer.from(
  "82a474797065ac746573742e6d657373616765a474657874a941686f792d686f7921",
  "hex",
);
const token = Buffer.from(
  "gAAAAABlU_EAAAECAwQFBgcICQoLDA0OD2hwrt-I-YGw6SNa8C7oKnziLi8GFEp_iR5LADdXJamIhXIm65W1JKnLa90aGhJ_qthiYyJLbwCNFgquMbXRseBEKK13VHWOlSwXGj7F5RL2",
);

function open(options: Partial<FernetOptions> = {}): Fernet {
  return new Fernet({
    keys: ["super-secret-key"],
    now: () => 1_700_000_000_999,
    randomIv: () => Uint8Array.from({ length: 16 }, (_, index) => index),
    ...options,
  });
}

describe("Fernet", () => {
  test("makes the token that Python makes", () => {
    expect(open().encrypt(plain).toString()).toBe(token.toString());
    expect(open().decrypt(token)).toEqual(plain);
  });

  test("encrypts with the first key, and decrypts with each", () => {
    const rotated = open({ keys: ["new-key", "super-secret-key"] });
    expect(rotated.decrypt(token)).toEqual(plain);
    expect(open({ keys: ["new-key"] }).decrypt(rotated.encrypt(plain))).toEqual(plain);
    expect(() => open().decrypt(rotated.encrypt(plain))).toThrow("any of our keys");
  });

  test("never makes the same token twice", () => {
    const fernet = new Fernet({ keys: [Buffer.from("super-secret-key")] });
    expect(fernet.encrypt(plain)).not.toEqual(fernet.encrypt(plain));
    expect(fernet.decrypt(token)).toEqual(plain);
  });

  test.each([
    ["70 s old", 1_700_000_070_999],
    ["60 s ahead", 1_699_999_940_000],
  ])("reads a token that is %s", (_age, now) => {
    expect(open({ maxAgeMs: 70_000, now: () => now }).decrypt(token)).toEqual(plain);
  });

  test.each([
    ["71 s old", 1_700_000_071_000, "too old"],
    ["61 s ahead", 1_699_999_939_999, "from the future"],
  ])("refuses a token that is %s", (_age, now, why) => {
    expect(() => open({ maxAgeMs: 70_000, now: () => now }).decrypt(token)).toThrow(why);
  });

  test("reads a token of any age when none is set", () => {
    expect(open({ now: () => 0 }).decrypt(token)).toEqual(plain);
  });

  test("refuses what has been changed in any place", () => {
    for (let index = 0; index < token.length; index += 7) {
      const changed = Buffer.from(token);
      changed[index] = changed[index] === 65 ? 66 : 65;
      expect(() => open().decrypt(changed)).toThrow("an encrypted message");
    }
    expect(() => open().decrypt(plain)).toThrow("any of our keys");
    expect(() => open().decrypt(Buffer.alloc(0))).toThrow("any of our keys");
  });

  test("refuses to work without a key", () => {
    expect(() => open({ keys: [] })).toThrow("at least one key");
    expect(() => open({ keys: ["new", ""] })).toThrow("none of them empty");
  });
});
