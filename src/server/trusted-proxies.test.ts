import { describe, expect, test } from "vitest";

import { ProxyTrust, type ProxyOptions } from "./trusted-proxies.ts";

const PROXY = "10.0.0.1";
const forwardedFor = (text: string): { readonly "x-forwarded-for": string } => ({
  "x-forwarded-for": text,
});
const addressOf = (
  trustedProxies: ProxyOptions["trustedProxies"],
  header: string,
  peer: string | undefined = PROXY,
): string => new ProxyTrust({ trustedProxies }).originOf(forwardedFor(header), peer).address;

describe("ProxyTrust", () => {
  test("ignores what headers say when nobody is trusted", () => {
    const headers = {
      ...forwardedFor("192.0.2.1"),
      "x-forwarded-proto": "https",
      "x-forwarded-host": "evil.example",
      forwarded: "for=192.0.2.1;proto=https;host=evil.example",
    };
    const origin = { address: PROXY, scheme: undefined, host: undefined };
    expect(new ProxyTrust().originOf(headers, PROXY)).toEqual(origin);
    const other = new ProxyTrust({ trustedProxies: ["10.0.0.2"] });
    expect(other.originOf(headers, PROXY)).toEqual(origin);
  });

  test("takes the right-most address that is no trusted proxy", () => {
    expect(addressOf(["10.0.0.0/8"], "192.0.2.1")).toBe("192.0.2.1");
    expect(addressOf(["10.0.0.0/8"], "6.6.6.6, 192.0.2.1")).toBe("192.0.2.1");
    expect(addressOf(["10.0.0.0/8"], "6.6.6.6, 192.0.2.1, 10.9.9.9")).toBe("192.0.2.1");
    expect(addressOf([PROXY], "192.0.2.1, 10.9.9.9")).toBe("10.9.9.9");
    expect(addressOf([PROXY], "")).toBe("");
    expect(new ProxyTrust({ trustedProxies: [PROXY] }).originOf({}, PROXY).address).toBe(PROXY);
  });

  test("believes the left-most address when everybody is trusted", () => {
    expect(addressOf(true, "192.0.2.1, 198.51.100.7")).toBe("192.0.2.1");
  });

  test("says nothing of a hop that is no address, instead of the proxy's own", () => {
    expect(addressOf([PROXY], "192.0.2.1, unknown")).toBe("");
  });

  test("reads ports, brackets and IPv4 in IPv6", () => {
    expect(addressOf([PROXY], "192.0.2.1:4711")).toBe("192.0.2.1");
    expect(addressOf([PROXY], "[2001:db8::1]:4711")).toBe("2001:db8::1");
    expect(addressOf([PROXY], "::ffff:192.0.2.1", "::ffff:10.0.0.1")).toBe("192.0.2.1");
    expect(addressOf(["2001:db8::/32"], "192.0.2.1", "2001:db8::7")).toBe("192.0.2.1");
  });

  test("trusts loopback by name, and a Unix socket only where the server listens on one", () => {
    expect(addressOf("loopback", "192.0.2.1", "127.0.0.3")).toBe("192.0.2.1");
    expect(addressOf(["loopback"], "192.0.2.1", "::1")).toBe("192.0.2.1");
    expect(addressOf("loopback", "192.0.2.1")).toBe(PROXY);
    const headers = forwardedFor("192.0.2.1");
    const noSocket = new ProxyTrust({ trustedProxies: true });
    expect(noSocket.originOf(headers, undefined).address).toBe("");
    const socket = new ProxyTrust({ trustedProxies: "loopback", isUnixSocket: true });
    expect(socket.originOf(headers, undefined).address).toBe("192.0.2.1");
  });

  test("takes scheme and host from the trusted proxy that is nearest to the client", () => {
    const trust = new ProxyTrust({ trustedProxies: ["10.0.0.0/8"] });
    const through = (scheme: string, host: string): object =>
      trust.originOf(
        {
          ...forwardedFor("192.0.2.1, 10.0.0.2"),
          "x-forwarded-proto": scheme,
          "x-forwarded-host": host,
        },
        PROXY,
      );
    const origin = { address: "192.0.2.1", scheme: "https", host: "site.example" };
    expect(through("https", "site.example")).toEqual(origin);
    expect(through("HTTPS, http", "site.example, inner")).toEqual(origin);
    expect(through("gopher, https, http", "evil, site.example, inner")).toEqual(origin);
    expect(through("javascript", "a/b?c")).toEqual({
      address: "192.0.2.1",
      scheme: undefined,
      host: undefined,
    });
  });

  test("reads one kind of header only, so that a client cannot write the other", () => {
    const headers = {
      ...forwardedFor("192.0.2.1"),
      forwarded: 'for=6.6.6.6, for="[2001:db8::1]:80";proto=https;host="site.example:8443"',
    };
    const trustedProxies = [PROXY];
    expect(new ProxyTrust({ trustedProxies }).originOf(headers, PROXY).address).toBe("192.0.2.1");
    const forwarded = new ProxyTrust({ trustedProxies, proxyHeaders: "forwarded" });
    expect(forwarded.originOf(headers, PROXY)).toEqual({
      address: "2001:db8::1",
      scheme: "https",
      host: "site.example:8443",
    });
    expect(forwarded.originOf({ forwarded: 'for=6.6.6.6, for="broken' }, PROXY).address).toBe("");
  });

  test.each([
    ["for=6.6.6.6;host=evil;proto=https, for=192.0.2.1", undefined, undefined],
    ["host=evil, for=192.0.2.1;proto=https", "https", undefined],
    ["host=evil, for=192.0.2.1;host=site.example, for=10.0.0.2", undefined, "site.example"],
    ["for=192.0.2.1;proto=https, for=10.0.0.2;host=inner", "https", undefined],
  ])("of Forwarded %j takes what the proxy at the client wrote", (forwarded, scheme, host) => {
    const trust = new ProxyTrust({ trustedProxies: ["10.0.0.0/8"], proxyHeaders: "forwarded" });
    const origin = { address: "192.0.2.1", scheme, host };
    expect(trust.originOf({ forwarded }, PROXY)).toEqual(origin);
  });

  test.each(["10.0.0.0/33", "10.0.0", "proxy.example", "10.0.0.1/", "::/129", "1.1.1.1/1/1"])(
    "refuses %j",
    (name) => {
      expect(() => new ProxyTrust({ trustedProxies: [name] })).toThrow("trustedProxies");
    },
  );
});
