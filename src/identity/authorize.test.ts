import { expect, test } from "vitest";

import { RouteContext, type Middleware, type User } from "../channels/index.ts";
import { authorize, requireUser } from "./authorize.ts";

async function ask(middleware: Middleware, user: User | null): Promise<unknown> {
  const request = new Request("http://site.example/");
  const params = { owner: "ada" };
  const context = new RouteContext({ request, params, isUpgrade: false, address: "::1" });
  context.user = user;
  const refusal = await middleware(context);
  if (!refusal) return "passed";
  const body: { readonly error: object } = JSON.parse(await refusal.text());
  return { status: refusal.status, ...body.error };
}

/** As a program without types has it. */
const untyped = (value: unknown) => Object({ value }).value;

const ada = { name: "ada" };
const eve = { name: "eve" };
const unauthenticated = { status: 401, code: "REQUEST_UNAUTHENTICATED", message: "sign in first" };

test("requireUser lets pass whoever has been recognised", async () => {
  expect(await ask(requireUser(), eve)).toBe("passed");
  expect(await ask(requireUser(), null)).toEqual(unauthenticated);
});

test("authorize asks its check, which knows the user and the parameters", async () => {
  const owner = authorize(async ({ user, params }) => user?.name === params["owner"], {
    message: "this is ada's",
  });
  expect(await ask(owner, ada)).toBe("passed");
  const forbidden = { status: 403, code: "REQUEST_FORBIDDEN", message: "this is ada's" };
  expect(await ask(owner, eve)).toEqual(forbidden);
  expect(await ask(owner, null)).toMatchObject({ status: 401, message: "this is ada's" });
  expect(
    await ask(
      authorize(() => true),
      null,
    ),
  ).toBe("passed");
  expect(
    await ask(
      authorize(() => false),
      ada,
    ),
  ).toMatchObject({ message: "you may not do this" });
});

test.each([
  ["a Response", () => new Response("no", { status: 403 })],
  ["a string", async () => "no"],
  ["somebody", () => ada],
  ["nothing", () => undefined],
  ["null", () => null],
])("authorize lets nobody pass when its check returns %s", async (_, check) => {
  await expect(ask(authorize(untyped(check)), ada)).rejects.toThrow(
    "the check of `authorize(check)` must return true or false",
  );
});

test("authorize says where it is called that its check is no function", () => {
  for (const check of [false, true, null, "no", {}]) {
    expect(() => authorize(untyped(check)), JSON.stringify(check)).toThrow(
      expect.objectContaining({
        code: "OPTION_INVALID",
        message: expect.stringContaining("expected `check` to be a function, got"),
      }),
    );
  }
});
