import { describe, expect, test } from "vitest";

import { feed, RouteContext, Router, use } from "../channels/index.ts";
import { passRoute } from "./route-request.ts";

/** As a program without types has it. */
const untyped = (value: unknown) => Object({ value }).value;

const wrong: readonly (readonly [string, () => unknown])[] = [
  ["a Response", () => new Response("no", { status: 403 })],
  ["a string", () => "no"],
  ["a number", () => 1],
  ["an object", () => ({ ok: false })],
  ["a promise of a string", async () => "no"],
  ["a function", () => () => false],
  ["null", () => null],
];

async function ask(route: Parameters<typeof use>[1][number]): Promise<Response | undefined> {
  const match = new Router([route]).match("/x");
  if (!match) throw new Error("no route");
  const request = new Request("http://site.example/x");
  const context = new RouteContext({ request, params: {}, isUpgrade: false, address: "::1" });
  return await passRoute(match, context);
}

const open = feed({ path: "/x", snapshot: () => "secret" });

describe("passRoute", () => {
  test.each([...wrong, ["nothing", () => undefined] as const])(
    "lets nobody in when the `authorize` of a feed returns %s",
    async (_, answer) => {
      const closed = feed({ path: "/x", snapshot: () => "secret", authorize: untyped(answer) });
      await expect(ask(closed)).rejects.toThrow(
        expect.objectContaining({
          code: "APP_INVALID_DEFINITION",
          message: expect.stringContaining("`authorize` of feed `/x` must return true or false"),
        }),
      );
    },
  );

  test.each([...wrong.slice(1), ["true", () => true] as const, ["false", () => false] as const])(
    "lets nobody in when a middleware returns %s",
    async (_, answer) => {
      const guard: unknown = Object.defineProperty(answer.bind(undefined), "name", {
        value: "guard",
      });
      await expect(ask(use([() => undefined, untyped(guard)], [open]))).rejects.toThrow(
        "middleware 2 (`guard`) of `/x` must return a Response or undefined",
      );
    },
  );

  test("lets in whom middleware and `authorize` let in, and nobody else", async () => {
    const asked = (isIn: boolean) =>
      feed({ path: "/x", snapshot: () => "secret", authorize: async () => isIn });
    expect(await ask(use([() => undefined, async () => {}], [asked(true)]))).toBeUndefined();
    expect((await ask(asked(false)))?.status).toBe(401);
    const teapot = new Response("no", { status: 418 });
    expect(await ask(use([() => teapot], [asked(true)]))).toBe(teapot);
  });

  test("takes the Response of another implementation for one", async () => {
    const foreign = { [Symbol.toStringTag]: "Response", status: 403 };
    expect(await ask(use([() => untyped(foreign)], [open]))).toBe(foreign);
  });
});
