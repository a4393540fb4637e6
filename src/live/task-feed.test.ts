import { expect, test } from "vitest";

import { createTasks } from "../tasks/index.ts";
import { taskFeed } from "./task-feed.ts";

test("a slip of the pen opens no task feed to everybody", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const options = JSON.parse('{"autorize":true}');
  expect(() => taskFeed(tasks, options)).toThrow(
    expect.objectContaining({
      code: "OPTION_INVALID",
      message: 'a task feed has no option "autorize" (did you mean `authorize`?)',
    }),
  );
});

test.each([
  { authorize: false },
  { authorize: null },
  { authorize: true },
  { authorize: "no" },
  () => false,
  null,
  false,
])("what was to keep strangers out opens no task feed to everybody: %j", async (given) => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const options = Object({ given }).given;
  expect(() => taskFeed(tasks, options)).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID" }),
  );
});
