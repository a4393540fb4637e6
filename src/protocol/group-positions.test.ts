import { expect, test } from "vitest";

import { formatConnectionCursor } from "./connection-cursor.ts";
import { formatGroupPositions, isConsumerCursor, parseGroupPositions } from "./group-positions.ts";

const many = Array.from({ length: 32 }, (_, index) => {
  const key = `group${index % 10}`.slice(-5) + "_-abcdefghijklmnopqrstuvwxyzABCDE".charAt(index);
  return [key, { epoch: "epoch_-8", offset: 10 ** 15 - 1 - index }] as const;
});

test("positions of one group and of 32 are short texts that are read as they were", () => {
  for (const positions of [many.slice(0, 1), many]) {
    const text = formatGroupPositions(positions);
    expect(text).toMatch(/^[\w.-]+$/);
    expect([...(parseGroupPositions(text) ?? [])]).toEqual(positions);
  }
  expect(formatGroupPositions(many).length).toBeLessThan(900);
});

test("positions are read from behind a connection's place too", () => {
  const positions = formatGroupPositions(many);
  const connection = `${"h".repeat(16)}.${"i".repeat(22)}`;
  const cursor = formatConnectionCursor({ connection, sequence: 10 ** 14, positions });
  expect(parseGroupPositions(cursor)?.size).toBe(32);
  const place = formatConnectionCursor({ connection, sequence: 1 });
  expect(parseGroupPositions(place)).toBeUndefined();
});

test("a cursor that is neither a place nor positions is none of a consumer", () => {
  const positions = formatGroupPositions(many);
  const place = { connection: `${"h".repeat(16)}.${"i".repeat(22)}`, sequence: 1, positions };
  for (const ours of ["", positions, formatConnectionCursor(place)]) {
    expect(isConsumerCursor(ours)).toBe(true);
  }
  for (const strange of ["x", "\uFFFD", `${positions}.${positions}`, "a".repeat(4_000)]) {
    expect(isConsumerCursor(strange)).toBe(false);
  }
});

test("what is no text of positions is refused, written or read", () => {
  const position = { epoch: "epoch_-8", offset: 1 };
  for (const wrong of [
    [],
    [["short", position]],
    [["group1", { ...position, epoch: "epoch" }]],
    [["group1", { ...position, offset: -1 }]],
    [...many, ["onemor", position]],
  ] as [string, typeof position][][]) {
    expect(() => formatGroupPositions(wrong)).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID" }),
    );
  }
  const text = formatGroupPositions([["group1", position]]);
  for (const wrong of ["", "junk", `${text}.`, `.${text}`, `${text}Z`, `${text}zzzzzzzzzzz`]) {
    expect(parseGroupPositions(wrong), wrong).toBeUndefined();
  }
  expect(parseGroupPositions(Array(33).fill(text).join("."))).toBeUndefined();
});
