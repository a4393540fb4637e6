import { describe, expect, test } from "vitest";

import { consumer } from "./consumer.ts";
import { feed } from "./feed.ts";
import type { Middleware } from "./route-context.ts";
import { Router, under, use } from "./routes.ts";

const outer: Middleware = () => undefined;
const inner: Middleware = () => undefined;
const room = consumer({ path: "/chat/:room" });
const lobby = consumer({ path: "/chat/lobby" });
const clock = feed({ path: "/clock", snapshot: () => 0 });

describe("Router", () => {
  test("returns the first route that matches, with its parameters", () => {
    const router = new Router([lobby, room]);
    expect(router.match("/chat/lobby")?.definition).toBe(lobby);
    expect(router.match("/chat/other")).toMatchObject({
      definition: room,
      params: { room: "other" },
    });
    expect(router.match("/nowhere")).toBeUndefined();
  });

  test("puts the middleware of outer groups before that of inner ones", () => {
    const router = new Router([use([outer], [clock, use([inner], [room])])]);
    expect(router.match("/clock")?.middleware).toEqual([outer]);
    expect(router.match("/chat/x")?.middleware).toEqual([outer, inner]);
  });

  test("puts routes below prefixes, whose parameters join theirs", () => {
    const router = new Router([
      under("/api", [use([outer], [under("/teams/:team<int>", [use([inner], [room])]), clock])]),
      room,
    ]);
    expect(router.match("/api/teams/7/chat/x")).toMatchObject({
      definition: room,
      params: { team: 7, room: "x" },
      middleware: [outer, inner],
    });
    expect(router.match("/api/clock")?.middleware).toEqual([outer]);
    expect(router.match("/chat/x")?.middleware).toEqual([]);
    expect(router.match("/clock")).toBeUndefined();
    expect(router.routes.map(({ path }) => path.path)).toEqual([
      "/api/teams/:team<int>/chat/:room",
      "/api/clock",
      "/chat/:room",
    ]);
  });

  test.each(["api", "/api/", "/", "/:rest<path>"])("refuses the prefix %j", (prefix) => {
    expect(() => under(prefix, [room])).toThrow(expect.objectContaining({ code: "ROUTE_INVALID" }));
  });

  test("refuses a parameter that prefix and route both name", () => {
    expect(() => new Router([under("/:room", [room])])).toThrow("names a parameter twice");
  });

  test("refuses two routes with the same path", () => {
    expect(() => new Router([room, use([], [consumer({ path: "/chat/:room" })])])).toThrow(
      "two routes have the path `/chat/:room`",
    );
  });
});
