import { describe, expect, test } from "vitest";

import { formatTable } from "./print-table.ts";

describe("formatTable", () => {
  test("aligns columns, numbers to the right", () => {
    expect(
      formatTable(
        ["QUEUE", "WAITING"],
        [
          ["celery", "1200"],
          ["é", "3"],
        ],
      ),
    ).toBe("QUEUE   WAITING\ncelery     1200\né             3\n");
  });

  test("fits 80 characters by cutting what is widest", () => {
    const rows = [["w".repeat(70), "12", "q".repeat(50)]];
    const [header = "", row = ""] = formatTable(["WORKER", "N", "QUEUES"], rows).split("\n");
    expect(row).toHaveLength(80);
    expect(row).toMatch(/^w{30,}…  12  q{30,}…$/);
    expect(header).toMatch(/^WORKER +N +QUEUES$/);
  });

  test("has a header without rows", () => {
    expect(formatTable(["QUEUE", "N"], [])).toBe("QUEUE  N\n");
  });
});
