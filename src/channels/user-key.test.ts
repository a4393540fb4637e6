import { describe, expect, test } from "vitest";

import { userKey, userKeysOf } from "./user-key.ts";

const named = (id: unknown, name: string): { readonly name: string } => ({
  name,
  ...(id === undefined ? {} : { id }),
});

describe("the key of a user", () => {
  test("is that of the id, be it a number or a text, whatever the name is", () => {
    expect(userKey(named(1, "ada"))).toBe(userKey(named("1", "grace")));
    expect(userKey(named(1n, "ada"))).toBe(userKey(named(1, "ada")));
    expect(userKey(named(1, "ada"))).not.toBe(userKey(named(2, "ada")));
  });

  test("is that of the name for who has no id, and never that of somebody's id", () => {
    expect(userKey(named(undefined, "ada"))).toBe(userKey(named(undefined, "ada")));
    expect(userKey(named(undefined, "1"))).not.toBe(userKey(named(1, "ada")));
  });

  test("is among those that an id or a name stands for", () => {
    expect(userKeysOf("1")).toEqual([userKey(named(1, "ada")), userKey(named(undefined, "1"))]);
  });
});
