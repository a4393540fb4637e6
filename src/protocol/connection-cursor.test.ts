import { describe, expect, test } from "vitest";

import {
  formatConnectionCursor,
  homeOf,
  parseConnectionCursor,
  positionsOf,
} from "./connection-cursor.ts";

const connection = "AAAAAAAAAAAAAAA-.BBBBBBBBBBBBBBBBBBBBB_";

describe("the cursor of a connection", () => {
  test.each([
    { connection, sequence: 0, positions: undefined },
    { connection, sequence: 17, positions: undefined },
    { connection, sequence: 999_999_999_999_999, positions: "a1.epoch.3~b2.epoch.4" },
  ])("reads what it writes: %o", (place) => {
    const cursor = formatConnectionCursor(place);
    expect(encodeURIComponent(cursor)).toBe(cursor);
    expect(parseConnectionCursor(cursor)).toEqual(place);
  });

  test.each([
    "",
    "epoch.17",
    `${connection}.`,
    `${connection}.01`,
    `${connection}.1~`,
    `${connection}.1~ä`,
    `${connection}.1\n`,
    `short.${connection}.1`,
    `${connection}.1~${"a".repeat(1_024)}`,
  ])("takes %j for no cursor of a connection", (text) => {
    expect(parseConnectionCursor(text)).toBeUndefined();
  });

  test("refuses to write what it could not read", () => {
    expect(() => formatConnectionCursor({ connection: "short", sequence: 1 })).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID" }),
    );
  });

  test.each([
    [`${connection}.3~a1.epoch.3`, "a1.epoch.3"],
    [`${connection}.3`, undefined],
    ["a1.epoch.3", "a1.epoch.3"],
    ["", undefined],
    ["ä", undefined],
    ["a".repeat(961), undefined],
  ])("tells the places in histories of %j", (cursor, positions) => {
    expect(positionsOf(cursor)).toBe(positions);
  });

  test("names the process where its connection lives", () => {
    expect(homeOf(connection)).toBe("AAAAAAAAAAAAAAA-");
    expect(homeOf("AAAAAAAAAAAAAAA-")).toBeUndefined();
  });
});
