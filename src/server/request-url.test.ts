import { IncomingMessage } from "node:http";
import { Socket } from "node:net";

import { expect, test } from "vitest";

import { requestUrl } from "./request-url.ts";

const DIRECT = { address: "", scheme: undefined, host: undefined };

test.each([
  ["/chat/lobby", "a.example", "http://a.example/chat/lobby"],
  ["/chat/a%20b?cursor=1&b=%2F", "a.example:81", "http://a.example:81/chat/a%20b?cursor=1&b=%2F"],
  ["/a/../b", "a.example", "http://a.example/b"],
  ["/a/%2e%2E/b", "a.example", "http://a.example/b"],
  ["/a/.", "a.example", "http://a.example/a/"],
  ["/a\\b", "a.example", "http://a.example/a/b"],
  ["/a|b", "[::1]:8000", "http://[::1]:8000/a|b"],
  ["//b.example/c", "a.example", "http://a.example//b.example/c"],
  ["http://b.example/c?d", "a.example", "http://b.example/c?d"],
])("the target %s of %s is %s, with the path that a URL parser finds", (target, host, href) => {
  const url = requestUrl(incoming(target, host), DIRECT);
  expect(url?.href).toBe(href);
  expect(url?.pathname).toBe(new URL(href).pathname);
});

test.each(["a.example:99999", "256.256.256.256", "a/b", "a@b", ""])(
  "the host %s makes no URL",
  (host) => {
    expect(requestUrl(incoming("/", host), DIRECT)).toBeUndefined();
    expect(requestUrl(incoming("/./", host), DIRECT)).toBeUndefined();
  },
);

test.each(["mailto:a@b.example", "*", "http://", "a"])("the target %s makes no URL", (target) => {
  expect(requestUrl(incoming(target, "a.example"), DIRECT)).toBeUndefined();
});

test("what a proxy says of scheme and host stands in the URL", () => {
  const origin = { address: "", scheme: "https", host: "b.example" } as const;
  for (const target of ["/c", "/./c"]) {
    expect(requestUrl(incoming(target, "a.example:81"), origin)?.href).toBe("https://b.example/c");
  }
});

function incoming(url: string, host: string): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  return Object.assign(message, { url, headers: { host } });
}
