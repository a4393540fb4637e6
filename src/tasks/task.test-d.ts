import { expectTypeOf, test } from "vitest";
import { z } from "zod";

import { createTasks, type AsyncResult } from "./index.ts";

const tasks = createTasks({ broker: "memory:", results: "memory:" });
const add = tasks.task("add", (x: number, y: number) => x + y);
const fetchText = tasks.task("fetch", { maxRetries: 3 }, async (url: string) => `text of ${url}`);
const mail = tasks.task(
  "mail",
  { input: z.object({ to: z.email(), at: z.coerce.date() }), retryBackoff: true },
  ({ to, at }) => {
    expectTypeOf(to).toEqualTypeOf<string>();
    expectTypeOf(at).toEqualTypeOf<Date>();
    return to.length;
  },
);

test("a task has the type of its function", () => {
  expectTypeOf(add).parameters.toEqualTypeOf<[x: number, y: number]>();
  expectTypeOf<typeof add.delay>().returns.toEqualTypeOf<Promise<AsyncResult<number>>>();
  expectTypeOf<typeof fetchText.delay>().returns.toEqualTypeOf<Promise<AsyncResult<string>>>();
  expectTypeOf<typeof mail.delay>().returns.toEqualTypeOf<Promise<AsyncResult<number>>>();
  expectTypeOf(mail).returns.toEqualTypeOf<Promise<number>>();
});

test("many calls have the types of one", () => {
  expectTypeOf(add.applyMany).parameter(0).toEqualTypeOf<readonly [x: number, y: number][]>();
  expectTypeOf(add.applyMany).returns.toEqualTypeOf<Promise<readonly AsyncResult<number>[]>>();
  // @ts-expect-error each call has an id of its own
  void add.applyMany([[1, 2]], { taskId: "one" });
  // @ts-expect-error there is no such word
  void add.applyMany([[1, 2]], { priority: "urgent" });
});

test("wrong calls do not compile", () => {
  // @ts-expect-error the second argument is missing
  void add.delay(1);
  // @ts-expect-error text is no number
  void add.applyAsync([1, "2"]);
  // @ts-expect-error there is no such option
  void add.applyAsync([1, 2], { countdown: 5 });
  // @ts-expect-error the field `to` is missing
  void mail.delay({ at: new Date() });
  expectTypeOf(mail).parameter(0).toEqualTypeOf<{ to: string; at: unknown }>();
});

test("a signature leaves out the first arguments, which come later", () => {
  expectTypeOf(add.s).parameters.toEqualTypeOf<[x: number, y: number] | [y: number] | []>();
  expectTypeOf(add.si).parameters.toEqualTypeOf<[x: number, y: number]>();
  // @ts-expect-error text is no number
  void add.s("1");
});
