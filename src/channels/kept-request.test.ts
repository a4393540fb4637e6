import { expect, test } from "vitest";

import { KeptRequest } from "./kept-request.ts";
import { RouteContext } from "./route-context.ts";

test("makes the request anew, with its URL and every header", () => {
  const kept = new KeptRequest("http://localhost/chat?a=1", ["Cookie", "a=1", "X-Empty", ""]);
  const request = kept.open();
  expect(request.url).toBe("http://localhost/chat?a=1");
  expect([...request.headers]).toEqual([
    ["cookie", "a=1"],
    ["x-empty", ""],
  ]);
});

test("keeps what a request of the platform says", () => {
  const headers = { cookie: "a=1", "x-name": "é" };
  const kept = KeptRequest.of(new Request("http://localhost/", { headers }));
  expect(Object.fromEntries(kept.open().headers)).toEqual(headers);
  expect(KeptRequest.of(new Request("http://localhost/")).open().url).toBe("http://localhost/");
});

test("a context hands out one request until it is compact, and new ones from then on", () => {
  const request = new KeptRequest("http://localhost/", ["Cookie", "a=1"]);
  const context = new RouteContext({ request, params: {}, isUpgrade: true, address: "::1" });
  expect(context.request).toBe(context.request);
  context.compact();
  expect(context.request).not.toBe(context.request);
  expect(context.request.headers.get("cookie")).toBe("a=1");
});
