import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { createTasks } from "../tasks/index.ts";
import { openTaskSource, splitModule } from "./task-source.ts";

describe("splitModule", () => {
  test("takes the module first, or none beside a broker", () => {
    expect(splitModule({}, ["main.ts", "t.add"], ["NAME"])).toEqual(["main.ts", "t.add"]);
    const broker = "sqlite:tasks.db";
    expect(splitModule({ broker }, ["t.add", undefined], ["NAME"])).toEqual([undefined, "t.add"]);
    expect(splitModule({ broker }, [undefined], [])).toEqual([undefined]);
  });

  test.each([
    [{}, ["t.add", undefined], "expected MODULE NAME; --broker <url> stands for MODULE, got t.add"],
    [{ broker: "x:" }, ["one", "two"], "expected NAME beside --broker, got one two"],
    [{ broker: "x:" }, [undefined, undefined], "expected NAME beside --broker, got nothing"],
  ])("says what is missing or too much: %j %j", (options, words, message) => {
    expect(() => splitModule(options, words, ["NAME"])).toThrow(message);
  });
});

describe("openTaskSource", () => {
  test("makes no database: a path that was mistyped is an error that names it", async ({
    onTestFinished,
  }) => {
    const folder = mkdtempSync(join(tmpdir(), "tidings-task-source-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const made = join(folder, "tasks.db");
    const mistyped = join(folder, "data", "taks.db");
    const tasks = createTasks({ broker: `sqlite:${made}`, results: `sqlite:${made}` });
    await tasks.close();
    for (const sources of [
      { broker: `sqlite:${mistyped}` },
      { broker: `sqlite:${made}`, results: `sqlite:${mistyped}` },
    ]) {
      await expect(openTaskSource(undefined, sources)).rejects.toThrow(
        expect.objectContaining({
          code: "STORAGE_UNAVAILABLE",
          message: expect.stringContaining(`there is no database ${mistyped}`),
        }),
      );
    }
    expect(existsSync(join(folder, "data"))).toBe(false);
    await using source = await openTaskSource(undefined, { broker: `sqlite:${made}` });
    expect(source.queues).toEqual(["celery"]);
  });
});
