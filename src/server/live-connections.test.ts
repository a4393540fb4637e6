import { expect, onTestFinished, test, vi } from "vitest";

import {
  consumer,
  RouteContext,
  Router,
  use,
  type Middleware,
  type RouteMatch,
} from "../channels/index.ts";
import { silentLogger } from "../core/logger.ts";
import { MemoryLayer } from "../layers/index.ts";
import { LiveConnections } from "./live-connections.ts";

/** Looks after connections of these routes, by a clock of the test's. */
function watch(...routes: ConstructorParameters<typeof Router>[0][number][]) {
  vi.useFakeTimers();
  const layer = new MemoryLayer();
  const live = new LiveConnections(layer, silentLogger);
  const router = new Router(routes);
  onTestFinished(async () => {
    vi.useRealTimers();
    live.stop();
    await layer[Symbol.asyncDispose]();
  });
  const matchOf = (path: string): RouteMatch => {
    const match = router.match(path);
    if (match) return match;
    throw new Error(`expected a route at ${path}`);
  };
  return { live, matchOf };
}

test("closes with 1011 those whose middleware does not answer, and looks after the others", async () => {
  const silent: Middleware = async () => await new Promise<never>(() => {});
  const refusing: Middleware = () => new Response(null, { status: 401 });
  const { live, matchOf } = watch(
    use([silent], [consumer({ path: "/silent" })]),
    use([refusing], [consumer({ path: "/refusing" })]),
  );
  const closed: number[] = [];
  const add = (path: string): void => {
    const match = matchOf(path);
    const request = new Request(`http://localhost${path}`);
    const context = new RouteContext({ request, params: {}, isUpgrade: true, address: "::1" });
    context.expireAt(0);
    const leave = live.add(match, context, {
      close(code) {
        closed.push(code);
        leave();
      },
    });
  };
  // More than are asked at the same time.
  for (let count = 0; count < 60; count += 1) add("/silent");
  add("/refusing");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(closed.filter((code) => code === 1011)).toHaveLength(60);
  expect(closed.filter((code) => code === 3000)).toHaveLength(1);
});

test("looks at everybody whose time is over, and once each, however many they are", async () => {
  const looks = new Map<string, number>();
  let running = 0;
  let most = 0;
  const slow: Middleware = async (context) => {
    most = Math.max(most, (running += 1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    running -= 1;
    looks.set(context.address, (looks.get(context.address) ?? 0) + 1);
    context.expireAt(Date.now() + 1_000);
  };
  const { live, matchOf } = watch(use([slow], [consumer({ path: "/slow" })]));
  const match = matchOf("/slow");
  const close = vi.fn<() => void>();
  for (let index = 0; index < 1_000; index += 1) {
    const request = new Request("http://localhost/slow");
    const context = new RouteContext({
      request,
      params: {},
      isUpgrade: true,
      address: String(index),
    });
    context.expireAt(0);
    const leave = live.add(match, context, { close });
    if (index === 999) leave(); // whoever has gone is not looked at
  }
  await vi.advanceTimersByTimeAsync(1_200);
  expect([looks.size, new Set(looks.values()), most]).toEqual([999, new Set([1]), 50]);
  expect(close).not.toHaveBeenCalled();
});

test("closes with 3000 a connection whose credentials are somebody else's now", async () => {
  let name: string | undefined = "ada";
  const signedIn: Middleware = (context) => {
    context.user = name === undefined ? null : { name };
    context.expireAt(Date.now() + 1_000);
  };
  const { live, matchOf } = watch(use([signedIn], [consumer({ path: "/chat" })]));
  const match = matchOf("/chat");
  for (const next of ["eve", undefined]) {
    name = "ada";
    const request = new Request("http://localhost/chat");
    const context = new RouteContext({ request, params: {}, isUpgrade: true, address: "::1" });
    await signedIn(context);
    const close = vi.fn<(code: number, reason: string) => void>();
    const leave = live.add(match, context, { close });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(close).not.toHaveBeenCalled();
    name = next;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(close).toHaveBeenCalledWith(3000, "credentials have ended");
    leave();
  }
});

test("does not look at a connection whose user has shown newer credentials, until those end", async () => {
  const { live, matchOf } = watch(consumer({ path: "/chat" }));
  const match = matchOf("/chat");
  const request = new Request("http://localhost/chat");
  const context = new RouteContext({ request, params: {}, isUpgrade: false, address: "::1" });
  context.user = { name: "ada" };
  context.expireAt(Date.now() + 1_000);
  const close = vi.fn<(code: number, reason: string) => void>();
  live.add(match, context, { close });
  context.extendTo(Date.now() + 10_000);
  context.extendTo(Date.now() + 5_000);
  await vi.advanceTimersByTimeAsync(9_000);
  expect(close).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(3_000);
  // Without a middleware nobody says who it is now.
  expect(close).toHaveBeenCalledWith(3000, "credentials have ended");
});

test("keeps no headers of an answer that there is not", async () => {
  const renewing: Middleware = (context) => {
    context.setAnswerHeader("vary", "origin");
    context.expireAt(Date.now() + 1_000);
  };
  const { live, matchOf } = watch(use([renewing], [consumer({ path: "/chat" })]));
  const match = matchOf("/chat");
  const request = new Request("http://localhost/chat");
  const context = new RouteContext({ request, params: {}, isUpgrade: false, address: "::1" });
  context.expireAt(0);
  const renewed = Promise.withResolvers<RouteContext>();
  live.add(match, context, { renew: renewed.resolve, close() {} });
  await vi.advanceTimersByTimeAsync(2_000);
  expect((await renewed.promise).takeAnswerHeaders()).toBeUndefined();
});
