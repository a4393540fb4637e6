import { describe, expect, test } from "vitest";

import { toControlArguments } from "./control-arguments.ts";

describe("toControlArguments", () => {
  test("reads JSON, and what is none as text", () => {
    const words = ["task_name=mail.send", "rate_limit=10/m"];
    expect(toControlArguments("rate_limit", words)).toEqual({
      task_name: "mail.send",
      rate_limit: "10/m",
    });
    expect(toControlArguments("pool_grow", ["n=2"])).toEqual({ n: 2 });
  });

  test("knows nothing of commands that a worker has added", () => {
    expect(toControlArguments("own_command", ["anything=null"])).toEqual({ anything: null });
  });

  test("lets through what Python's queues have beside, and names with digits", () => {
    const words = ["queue=mail", "queue_arguments={}", "durable=false"];
    expect(toControlArguments("add_consumer", words)).toEqual({
      queue: "mail",
      queue_arguments: {},
      durable: false,
    });
    expect(toControlArguments("own_command", ["level2=1"])).toEqual({ level2: 1 });
  });

  test.each([
    ["ping", "x", "expected an argument as name=value, got x"],
    ["ping", "x=1", '`ping` has no argument "x"; it has none'],
    ["rate_limit", "task=t", '`rate_limit` has no argument "task" (did you mean `task_name`?)'],
    ["dump_active", "zzz=1", '`dump_active` has no argument "zzz"; it has safe'],
    ["pool_grow", "count=1", '`pool_grow` has no argument "count"; it has n'],
  ])("says what is wrong: %s %s", (command, word, message) => {
    expect(() => toControlArguments(command, [word])).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", message }),
    );
  });
});
