import { describe, expect, test } from "vitest";

import { callCommand } from "./call.ts";

describe("the options of tidings call", () => {
  test.each([
    ["--priority", "10", "Expected a whole number from 0 to 9."],
    ["--expires", "-5", "Expected a time as 2030-12-31T23:59:00Z."],
    ["--expires", "soon", "Expected a time as 2030-12-31T23:59:00Z."],
    ["--eta", "1", "Expected a time as 2030-12-31T23:59:00Z."],
    ["--countdown", "-1", "Expected a number of seconds."],
    ["--args", "{}", "Expected a JSON array."],
  ])("refuse %s %s", async (name, value, message) => {
    const command = callCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined });
    const words = ["main.ts", "t", name, value];
    await expect(command.parseAsync(words, { from: "user" })).rejects.toThrow(message);
  });
});
