import { describe, expect, test } from "vitest";

import { parseCookies, readCookie, serializeCookie } from "./cookies.ts";

describe("parseCookies", () => {
  const headers: readonly (readonly [header: string, cookies: Record<string, string[]>])[] = [
    ["", {}],
    ["a=1", { a: ["1"] }],
    ["a=1; b=2;c = 3 ", { a: ["1"], b: ["2"], c: ["3"] }],
    ["a=first; a=second", { a: ["first", "second"] }],
    ['a="quoted"; b="half; c=""', { a: ["quoted"], b: ['"half'], c: [""] }],
    ["a=x=y==; b=", { a: ["x=y=="], b: [""] }],
    ["a=%41%zz", { a: ["%41%zz"] }],
    ["no pair; =nameless; ä=1; a b=1; ;;=; ok=1", { ok: ["1"] }],
    ["__proto__=1; constructor=2", { ["__proto__"]: ["1"], constructor: ["2"] }],
  ];

  test.each(headers)("%j", (header, cookies) => {
    expect([...parseCookies(header)]).toEqual(Object.entries(cookies));
  });

  test.each(["\u00a0", "\ufeff", "\v", "\u2003"])("does not take %j for blank", (space) => {
    const header = `${space}__Host-a=planted;${space}__Host-a=planted; \t__Host-a=own\t`;
    expect([...parseCookies(header)]).toEqual([["__Host-a", ["own"]]]);
  });

  test("does not read a header of more than 16 KiB", () => {
    const filler = "x".repeat(16_384 - "a=1; b=".length);
    expect(parseCookies(`a=1; b=${filler}`).get("a")).toEqual(["1"]);
    expect(parseCookies(`a=1; b=${filler}x`).size).toBe(0);
  });

  test("finds the values of one cookie of a request", () => {
    const request = new Request("http://h/", { headers: { cookie: "a=1; ab=2; a=3" } });
    expect(readCookie(request, "a")).toEqual(["1", "3"]);
    expect(readCookie(request, "b")).toEqual([]);
    expect(readCookie(new Request("http://h/"), "a")).toEqual([]);
  });
});

describe("serializeCookie", () => {
  test("writes every attribute", () => {
    expect(serializeCookie("a", "1")).toBe("a=1; HttpOnly; SameSite=Lax");
    const all = {
      domain: "example.com",
      path: "/live",
      maxAgeMs: 1_999,
      httpOnly: false,
      secure: true,
      sameSite: "None",
      partitioned: true,
    } as const;
    expect(serializeCookie("a", "1", all)).toBe(
      "a=1; Max-Age=1; Domain=example.com; Path=/live; Secure; SameSite=None; Partitioned",
    );
  });

  test("keeps the promises of name prefixes", () => {
    const host = { secure: true, path: "/" };
    expect(serializeCookie("__Host-a", "1", host)).toContain(
      "__Host-a=1; Path=/; HttpOnly; Secure",
    );
    for (const [name, attributes] of [
      ["__Host-a", { path: "/" }],
      ["__host-a", { ...host, path: "/live" }],
      ["__Host-a", { secure: true }],
      ["__Host-a", { ...host, domain: "example.com" }],
      ["__Secure-a", { path: "/" }],
      ["a", { sameSite: "None" }],
      ["a", { partitioned: true }],
    ] as const) {
      expect(() => serializeCookie(name, "1", attributes), name).toThrow(
        /expected `(name|secure)`/,
      );
    }
  });

  test("refuses what would add a header or an attribute, without repeating the value", () => {
    for (const value of ["a\r\nb", "a;b", "a b", 'a"b', "a,b", "a\\b", "é", "a\0"]) {
      expect(() => serializeCookie("a", value)).toThrow(/expected `value`.*another/);
    }
    for (const name of ["", "a b", "a=b", "a;b", "a\r\n", "é"]) {
      expect(() => serializeCookie(name, "1"), name).toThrow("expected `name` to be a cookie name");
    }
    for (const path of ["live", "/a;b", "/a\r\nb", "/é"]) {
      expect(() => serializeCookie("a", "1", { path }), path).toThrow("expected `path`");
    }
    for (const domain of ["", "a b", "a;b", "a\r\nb", "a..b", "https://a"]) {
      expect(() => serializeCookie("a", "1", { domain }), domain).toThrow("expected `domain`");
    }
  });

  test("refuses what browsers would drop for its size", () => {
    const rest = "a=; HttpOnly; SameSite=Lax".length;
    expect(serializeCookie("a", "x".repeat(4_096 - rest))).toHaveLength(4_096);
    expect(() => serializeCookie("a", "x".repeat(4_097 - rest))).toThrow("4097 bytes");
  });
});
