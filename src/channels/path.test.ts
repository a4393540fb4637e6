import { describe, expect, test } from "vitest";

import { compilePath } from "./path.ts";

describe("compilePath", () => {
  test.each([
    ["/", "/", {}],
    ["/chat", "/chat", {}],
    ["/chat/:room", "/chat/lobby", { room: "lobby" }],
    ["/chat/:room/of/:user", "/chat/a%20b/of/%C3%A9", { room: "a b", user: "é" }],
    ["/chat/:room", "/chat/a%2Fb", { room: "a/b" }],
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
  ])("%s does not match %s", (path, pathname) => {
    expect(compilePath(path).match(pathname)).toBeUndefined();
  });

  test.each(["", "chat", "/chat/:", "/chat/:1", "/a b", "/chat/:room?", "/*"])(
    "refuses %j",
    (path) => {
      expect(() => compilePath(path)).toThrow(expect.objectContaining({ code: "ROUTE_INVALID" }));
    },
  );
});
