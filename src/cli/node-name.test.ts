import { hostname } from "node:os";

import { expect, test } from "vitest";

import { toNodeName } from "./node-name.ts";

test.each([
  ["mail@%h", "mail@one.example.com"],
  ["mail-%i@%n", "mail-0@one"],
  ["mail%I@%d", "mail@example.com"],
  ["100%%@%h", "100%@one.example.com"],
  ["%x@%h", "%x@one.example.com"],
  ["mail", "worker@mail"],
  ["@box", "worker@box"],
  ["mail@", "mail@one.example.com"],
])("names a worker as Celery does: %s is %s", (pattern, name) => {
  expect(toNodeName(pattern, "one.example.com")).toBe(name);
});

test("a worker's host is this one", () => {
  expect(toNodeName("mail@%h")).toBe(`mail@${hostname()}`);
});
