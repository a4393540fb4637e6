import { describe, expect, test } from "vitest";

import { splitModule } from "./task-source.ts";

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
