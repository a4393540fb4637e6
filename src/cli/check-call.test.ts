import { expect, test } from "vitest";

import { createTasks } from "../tasks/index.ts";
import { checkCall } from "./check-call.ts";

test("a call of an application's task is written as its own workers read it", async () => {
  const common = { broker: "memory:", results: "memory:" };
  await using tasks = createTasks(common);
  await using json = createTasks({ ...common, accept: ["json"] });
  await using yaml = createTasks({ ...common, serializer: "yaml" });
  for (const each of [tasks, json, yaml]) each.task("t.add", (x: number, y: number) => x + y);
  const call = { name: "t.add", args: [1, 2] };
  await checkCall(tasks, call);
  await checkCall(tasks, { ...call, serializer: "msgpack" });
  await checkCall(yaml, { ...call, serializer: "yaml" });
  await expect(checkCall(tasks, { ...call, serializer: "yaml" })).rejects.toMatchObject({
    code: "OPTION_INVALID",
    message:
      "expected `--serializer` to be json or msgpack, which the application's workers accept, got yaml; `accept` of its `taskSettings` may name more",
  });
  await expect(checkCall(json, { ...call, serializer: "msgpack" })).rejects.toThrow("to be json,");
});

test("a task of others is sent as it is said, once it is said that it is one", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  tasks.task("t.add", () => 1);
  const call = { name: "t.ad", serializer: "yaml" } as const;
  await expect(checkCall(tasks, call)).rejects.toMatchObject({
    code: "TASK_NOT_REGISTERED",
    message: expect.stringContaining("did you mean `t.add`?"),
  });
  await expect(checkCall(tasks, { ...call, unregistered: true })).resolves.toBeUndefined();
});
