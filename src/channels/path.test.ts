import { describe, expect, test } from "vitest";

import { compilePath } from "./path.ts";

describe("compilePath", () => {
  test.each([
    ["/", "/", {}],
    ["/chat", "/chat", {}],
    ["/chat/:room", "/chat/lobby", { room: "lobby" }],
    ["/chat/:room/of/:user", "/chat/a%20b/of/%C3%A9", { room: "a b", user: "é" }],
    ["/chat/:room", "/chat/a%2Fb", { room: "a/b" }],
    ["/topics/:id<int>", "/topics/007", { id: 7 }],
    ["/p/:slug<slug>", "/p/a-b_1", { slug: "a-b_1" }],
    [
      "/u/:id<uuid>",
      "/u/0f8fad5b-d9cb-469f-a165-70867728950e",
      { id: "0f8fad5b-d9cb-469f-a165-70867728950e" },
    ],
    ["/files/:name<path>", "/files/a/b%20c/d", { name: "a/b c/d" }],
  ])("%s matches %s", (path, pathname, params) => {
    expect(compilePath(path).match(pathname)).toEqual(params);
  });

  test.each([
    ["/chat", "/chat/"],
    ["/chat", "/Chat"],
    ["/chat/:room", "/chat/"],
    ["/chat/:room", "/chat/a/b"],
    ["/chat/:room", "/chat/%zz"],
    ["/chat/:room", "/talk/a"],
    ["/topics/:id<int>", "/topics/seven"],
    ["/topics/:id<int>", "/topics/-1"],
    ["/topics/:id<int>", "/topics/1e3"],
    ["/topics/:id<int>", "/topics/9999999999999999"],
    ["/u/:id<uuid>", "/u/0F8FAD5B-D9CB-469F-A165-70867728950E"],
    ["/p/:slug<slug>", "/p/a%20b"],
    ["/files/:name<path>", "/files/"],
    ["/files/:name<path>", "/files"],
  ])("%s does not match %s", (path, pathname) => {
    expect(compilePath(path).match(pathname)).toBeUndefined();
  });

  test.each([
    "",
    "chat",
    "/chat/:",
    "/chat/:1",
    "/a b",
    "/chat/:room?",
    "/*",
    "/:a<float>",
    "/:a<path>/b",
    "/:a<>",
  ])("refuses %j", (path) => {
    expect(() => compilePath(path)).toThrow(expect.objectContaining({ code: "ROUTE_INVALID" }));
  });
});
