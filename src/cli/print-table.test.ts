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

  test("fits a terminal by cutting what is widest, and elsewhere cuts nothing", () => {
    const rows = [["w".repeat(70), "12", "q".repeat(50)]];
    const names = ["WORKER", "N", "QUEUES"];
    const [header = "", row = ""] = formatTable(names, rows, { width: 80 }).split("\n");
    expect(row).toHaveLength(80);
    expect(row).toMatch(/^w{30,}…  12  q{30,}…$/);
    expect(header).toMatch(/^WORKER +N +QUEUES$/);
    expect(formatTable(names, rows)).not.toContain("…");
  });

  test("cuts nothing that is to be copied, and keeps a row in one line", () => {
    const id = "0198c0de-0000-7000-8000-000000000000";
    const rows = [
      [id, "e".repeat(70)],
      ["b", "first\nsecond\u001b[31m"],
    ];
    const lines = formatTable(["ID", "ERROR"], rows, { whole: ["ID"], width: 80 }).split("\n");
    expect(lines[1]).toMatch(new RegExp(`^${id}  e{40,}…$`));
    expect(lines[1]).toHaveLength(80);
    expect(lines[2]).toMatch(/^b +first second \[31m$/);
    const [, wide = ""] = formatTable(["ID", "ERROR"], rows, { width: 120 }).split("\n");
    expect(wide).toBe(`${id}  ${"e".repeat(70)}`);
    const [, narrow = ""] = formatTable(["ID", "ERROR"], [["i".repeat(90), "e".repeat(20)]], {
      whole: ["ID"],
      width: 80,
    }).split("\n");
    expect(narrow).toBe(`${"i".repeat(90)}  ${"e".repeat(11)}…`);
  });

  test("has a header without rows", () => {
    expect(formatTable(["QUEUE", "N"], [])).toBe("QUEUE  N\n");
  });
});
