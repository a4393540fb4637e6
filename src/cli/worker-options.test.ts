import { Command } from "commander";
import { describe, expect, test } from "vitest";

import type { WorkerOptions } from "../tasks/index.ts";
import { toWorkerOptions, workerOptions, type WorkerArguments } from "./worker-options.ts";

function parse(...words: readonly string[]): WorkerOptions {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  for (const option of workerOptions()) command.addOption(option);
  const given = command.parse(words, { from: "user" }).opts<WorkerArguments>();
  return toWorkerOptions("main.ts", given, ["celery"]);
}

describe("the options of tidings worker", () => {
  test("say how long leases are, and how often a worker may die", () => {
    const options = parse("--lease", "2.5", "--max-deliveries", "3");
    expect(options).toMatchObject({ leaseMs: 2_500, maxDeliveries: 3 });
    expect(parse()).toMatchObject({ leaseMs: undefined, maxDeliveries: undefined });
  });

  test.each([
    ["--lease", "0"],
    ["--max-deliveries", "0"],
    ["--max-deliveries", "-1"],
    ["--name", ""],
    ["--name", "  "],
  ])("refuse %s %j", (name, value) => {
    expect(() => parse(name, value)).toThrow(name);
  });
});
