import { expect, test } from "vitest";

import { Capacity } from "./capacity.ts";

test("counts the first pattern that fits the whole name", () => {
  const capacity = new Capacity({
    capacity: 7,
    channelCapacity: [
      ["http.*", 1],
      ["http.request", 2],
      [/websocket\.send!./, 3],
      ["a?c", 4],
      ["[xy]-[!0-9]", 5],
      ["one[", 6],
    ],
  });
  const expected = {
    "http.request": 1,
    "my.http.x": 7,
    "websocket.send!abc": 3,
    "my.websocket.send!abc": 7,
    abc: 4,
    abcd: 7,
    "a-c!x": 7,
    "x-a": 5,
    "x-1": 7,
    "z-a": 7,
    "one[": 6,
  };
  const counted = Object.keys(expected).map((name) => [name, capacity.of(name)]);
  expect(Object.fromEntries(counted)).toEqual(expected);
});

test("does not mind a regular expression that remembers where it was", () => {
  const capacity = new Capacity({ capacity: 1, channelCapacity: [[/jobs/g, 2]] });
  expect([capacity.of("jobs"), capacity.of("jobs"), capacity.of("my-jobs")]).toEqual([2, 2, 1]);
});

test("refuses counts and patterns that make no sense", () => {
  expect(() => new Capacity({ channelCapacity: [["a", 0]] })).toThrow("`channelCapacity`");
  expect(() => new Capacity({ capacity: 1.5 })).toThrow("expected `capacity`");
});
