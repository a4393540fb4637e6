import { describe, expect, test } from "vitest";

import { RouteContext, type Middleware } from "../channels/index.ts";
import { allowedOrigins } from "./allowed-origins.ts";
import { sessionAuth } from "./session-auth.ts";

/** Whether a request with these headers passes. */
async function passes(
  rules: readonly string[] | undefined,
  origin: string | undefined,
  { url = "http://site.example/", ...headers }: Record<string, string> = {},
): Promise<boolean> {
  const refusal = await run([allowedOrigins(rules)], url, {
    ...(origin !== undefined && { origin }),
    ...headers,
  });
  expect(refusal?.status ?? 403).toBe(403);
  return !refusal;
}

async function run(
  middleware: readonly Middleware[],
  url: string,
  { method = "GET", ...headers }: Record<string, string>,
): Promise<Response | undefined> {
  const request = new Request(url, { headers, method });
  const context = new RouteContext({ request, params: {}, isUpgrade: false, address: "::1" });
  for (const pass of middleware) {
    const refusal = await pass(context);
    if (refusal) return refusal;
  }
  return undefined;
}

describe("a rule", () => {
  const rules: readonly (readonly [rule: string, allowed: string[], refused: string[]])[] = [
    [
      "https://example.com",
      ["https://example.com", "https://example.com:443", "HTTPS://EXAMPLE.COM"],
      ["http://example.com", "https://example.com:8443", "https://www.example.com"],
    ],
    [
      "https://example.com:8443",
      ["https://example.com:8443"],
      ["https://example.com", "http://example.com:8443", "https://example.com:84430"],
    ],
    [
      "example.com",
      ["https://example.com", "http://example.com"],
      ["http://example.com:8000", "ftp://example.com", "https://badexample.com"],
    ],
    [
      "example.com:8000",
      ["http://example.com:8000", "https://example.com:8000"],
      ["http://example.com", "https://example.com", "http://example.com:80"],
    ],
    ["example.com:443", ["https://example.com"], ["http://example.com"]],
    [
      "https://*.example.com",
      ["https://a.example.com", "https://a.b.example.com", "https://A.EXAMPLE.COM"],
      [
        "https://example.com",
        "http://a.example.com",
        "https://badexample.com",
        "https://a.example.com.evil.net",
        "https://a.example.com:8443",
      ],
    ],
    ["*.example.com:8000", ["http://a.example.com:8000"], ["http://a.example.com"]],
    [
      "http://localhost:*",
      ["http://localhost", "http://localhost:5173"],
      ["https://localhost:5173", "http://localhost.evil.net:5173"],
    ],
    ["http://[::1]:3000", ["http://[::1]:3000", "http://[0:0::1]:3000"], ["http://[::2]:3000"]],
    ["https://bücher.example", ["https://xn--bcher-kva.example"], ["https://bucher.example"]],
    ["capacitor://localhost", ["capacitor://localhost"], ["http://localhost"]],
    ["chrome-extension://abcdef", ["chrome-extension://abcdef"], ["chrome-extension://abcdeg"]],
    ["*", ["https://anybody.example", "capacitor://localhost"], []],
  ];

  test.each(rules)("%s", async (rule, allowed, refused) => {
    for (const origin of allowed) expect(await passes([rule], origin), origin).toBe(true);
    for (const origin of refused) expect(await passes([rule], origin), origin).toBe(false);
    for (const origin of JUNK) expect(await passes([rule], origin), origin).toBe(false);
  });

  test("that is none is refused where it is written, with what to write", () => {
    const bad: readonly (readonly [rule: string, advice: string])[] = [
      ["", "rules like `https://example.com:8443`"],
      ["https://", "rules like"],
      ["null", "sandboxed pages of any site"],
      [".example.com", "for subdomains, `*.example.com`"],
      ["https://.example.com", "for subdomains, `*.example.com`"],
      ["https://example.com/", "an origin has no path"],
      ["https://example.com/live", "an origin has no path"],
      ["example.com:port", "rules like"],
      ["example.com:0", "rules like"],
      ["example.com:65536", "rules like"],
      ["https://a.*.example.com", "rules like"],
      ["https://*example.com", "rules like"],
      ["https://*", "rules like"],
      ["*.com", "a wildcard below a domain"],
      ["https://ada@example.com", "rules like"],
      ["https://example.com?x", "rules like"],
      ["exa mple.com", "rules like"],
      ["https:example.com", "rules like"],
    ];
    for (const [rule, advice] of bad) {
      expect(() => allowedOrigins([rule]), rule).toThrow(advice);
      expect(() => allowedOrigins([rule]), rule).toThrow("expected `origins`");
    }
  });
});

/** What is no origin, and never passes. */
const JUNK = [
  "null",
  "",
  "*",
  "junk",
  "https://",
  "//site.example",
  "site.example",
  "https://site.example/",
  "https://site.example/path",
  "https://ada@site.example",
  "https://site.example https://evil.example",
  "https://site.example, https://evil.example",
  "https://site.example:0",
  "https://site.example:99999",
  "https://site.example:80x",
  "https://*.example.com",
  "file://",
];

describe("without rules", () => {
  test("only the origin of the request's own host passes", async () => {
    for (const rules of [undefined, [], ["same-origin"]]) {
      expect(await passes(rules, "http://site.example")).toBe(true);
      expect(await passes(rules, "http://site.example:80")).toBe(true);
      expect(await passes(rules, "http://site.example:8080")).toBe(false);
      expect(await passes(rules, "http://evil.example")).toBe(false);
      expect(await passes(rules, "http://a.site.example")).toBe(false);
      for (const origin of JUNK) expect(await passes(rules, origin), origin).toBe(false);
    }
  });

  test("a page over https may ask what a proxy has passed on over http, and not the opposite", async () => {
    expect(await passes([], "https://site.example")).toBe(true);
    expect(await passes([], "https://site.example:8443")).toBe(false);
    expect(await passes([], "https://h:8443", { url: "http://h:8443/" })).toBe(true);
    expect(await passes([], "http://site.example", { url: "https://site.example/" })).toBe(false);
    expect(await passes([], "http://h:8443", { url: "https://h:8443/" })).toBe(false);
  });
});

test("with rules, only they count", async () => {
  expect(await passes(["https://app.example"], "http://site.example")).toBe(false);
  expect(await passes(["https://app.example", "same-origin"], "http://site.example")).toBe(true);
  expect(await passes(["https://app.example", "same-origin"], "https://app.example")).toBe(true);
});

describe("without an Origin", () => {
  test("whoever is no browser passes", async () => {
    expect(await passes(["https://app.example"], undefined)).toBe(true);
  });

  test("what the browser says was asked by another site's page does not pass", async () => {
    const asked = (site: string, mode: string): Promise<boolean> =>
      passes([], undefined, { "sec-fetch-site": site, "sec-fetch-mode": mode });
    expect(await asked("same-origin", "cors")).toBe(true);
    expect(await asked("none", "navigate")).toBe(true);
    expect(await asked("cross-site", "no-cors")).toBe(false);
    expect(await asked("same-site", "no-cors")).toBe(false);
    expect(await asked("cross-site", "navigate")).toBe(true);
    const anybody = { "sec-fetch-site": "cross-site" };
    expect(await passes(["*"], undefined, anybody)).toBe(true);
    const form = { ...anybody, "sec-fetch-mode": "navigate" };
    const refusal = await run([allowedOrigins()], "http://site.example/", {
      ...form,
      method: "POST",
    });
    expect(refusal?.status).toBe(403);
  });
});

describe("sessionAuth", () => {
  const auth = sessionAuth(() => ({ name: "ada" }));
  const foreign = { origin: "https://app.example" };

  test("refuses other origins by itself", async () => {
    const refusal = await run([auth], "http://site.example/", foreign);
    expect(await refusal?.json()).toMatchObject({ error: { code: "REQUEST_FORBIDDEN_ORIGIN" } });
    expect(await run([auth], "http://site.example/", { origin: "http://site.example" })).toBe(
      undefined,
    );
  });

  test("lets pass what allowedOrigins has let pass before it, for that request alone", async () => {
    const chain = [allowedOrigins(["https://app.example"]), auth];
    expect(await run(chain, "http://site.example/", foreign)).toBeUndefined();
    expect(
      (await run(chain, "http://site.example/", { origin: "https://e.example" }))?.status,
    ).toBe(403);
    expect((await run([auth, ...chain], "http://site.example/", foreign))?.status).toBe(403);
  });
});

describe("what a page of another origin is answered", () => {
  const origin = "https://app.example.com";
  const asked = async (headers: Record<string, string>, method = "GET", isUpgrade = false) => {
    const request = new Request("http://live.example.com/list", { method, headers });
    const context = new RouteContext({ request, params: {}, isUpgrade, address: "::1" });
    const response = await allowedOrigins([origin])(context);
    return { response, headers: new Headers([...(context.takeAnswerHeaders() ?? [])]) };
  };

  test("it may read, cookies or not, with our own headers", async () => {
    const { response, headers } = await asked({ origin });
    expect(response).toBeUndefined();
    expect(Object.fromEntries(headers)).toEqual({
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
      "access-control-expose-headers": "etag, preference-applied, retry-after",
      vary: "origin",
    });
  });

  test("caches keep apart from what others are answered, and those who have no origin", async () => {
    expect([...(await asked({})).headers]).toEqual([["vary", "origin"]]);
  });

  test("it may not when its origin is not allowed, nor has any need to over a WebSocket", async () => {
    const refused = await asked({ origin: "https://bad.example.com" });
    expect(refused.response?.status).toBe(403);
    expect([...refused.headers]).toEqual([]);
    expect([...(await asked({ origin }, "GET", true)).headers]).toEqual([]);
  });

  test("it may send what its browser asks for before", async () => {
    const asks = {
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,tidings-connection",
    };
    const { response } = await asked({ origin, ...asks }, "OPTIONS");
    expect(response?.status).toBe(204);
    expect(Object.fromEntries(response?.headers ?? [])).toMatchObject({
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "authorization,tidings-connection",
    });
    const foreign = await asked({ origin: "https://bad.example.com", ...asks }, "OPTIONS");
    expect(foreign.response?.status).toBe(403);
    expect((await asked({ origin }, "OPTIONS")).response).toBeUndefined();
  });
});
