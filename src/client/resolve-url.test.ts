import { describe, expect, test, vi } from "vitest";

import { resolveUrl, toWebSocketUrl, withParameter } from "./resolve-url.ts";

describe("resolveUrl", () => {
  test("takes an absolute address, of HTTP or of a WebSocket", () => {
    expect(resolveUrl("https://example.com/a?b=c#d").href).toBe("https://example.com/a?b=c");
    expect(resolveUrl("ws://example.com:8000/").href).toBe("http://example.com:8000/");
    expect(resolveUrl(new URL("wss://example.com/")).href).toBe("https://example.com/");
  });

  test("starts from the page where there is one", () => {
    vi.stubGlobal("location", { href: "https://example.com/rooms/lobby?x=1" });
    vi.stubGlobal("addEventListener", () => {});
    expect(resolveUrl("/topics").href).toBe("https://example.com/topics");
    expect(resolveUrl("attic").href).toBe("https://example.com/rooms/attic");
    expect(resolveUrl("//other.example/x").href).toBe("https://other.example/x");
  });

  test.each(["/topics", "", "http://", "mailto:ada@example.com", "ftp://example.com/"])(
    "refuses `%s` where there is no page",
    (address) => {
      expect(() => resolveUrl(address)).toThrow(
        expect.objectContaining({ code: "APP_INVALID_URL" }),
      );
    },
  );

  test("leaves the address that it was given as it was", () => {
    const url = new URL("http://example.com/#x");
    resolveUrl(url);
    expect(toWebSocketUrl(url).href).toBe("ws://example.com/#x");
    expect(toWebSocketUrl(new URL("https://example.com/")).href).toBe("wss://example.com/");
    expect(withParameter(url, "cursor", "a.1").href).toBe("http://example.com/?cursor=a.1#x");
    expect(withParameter(url, "cursor", undefined)).toBe(url);
    expect(url.href).toBe("http://example.com/#x");
  });
});
