import { appendFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { FileWatch } from "./file-watch.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-file-watch-"));
afterAll(() => rm(folder, { recursive: true }));

describe("FileWatch", () => {
  test("looks again and again after a write, for what was not there at first", async () => {
    const path = join(folder, "written");
    writeFileSync(path, "");
    const { promise, resolve } = Promise.withResolvers<number>();
    let looks = 0;
    using _ = new FileWatch(path, () => {
      looks++;
      // The last waits are longer than the eager looks together.
      if (looks > 3 && performance.now() - writtenAt > 10) resolve(looks);
    });
    const writtenAt = performance.now();
    appendFileSync(path, "text");
    expect(await promise).toBeGreaterThan(3);
  });

  test("does nothing where there is no file to watch", () => {
    expect(() => {
      using _ = new FileWatch(join(folder, "missing"), () => undefined);
    }).not.toThrow();
  });
});
