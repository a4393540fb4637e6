import { expect, test } from "vitest";

import { ClusterSlots, parseRedirect, slotOf } from "./cluster-slots.ts";

// "The reference value of 123456789 is 31C3" (cluster specification).
test.each([
  ["123456789", 0x31c3],
  ["foo", 12_182],
  ["", 0],
  ["{foo}bar", 12_182],
  ["a{foo}{bar}", 12_182],
  ["{}foo", 9_500],
])("finds the slot of %j", (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});

test("reads which node holds what, and takes the asked one for a node without a name", () => {
  const asked = { host: "10.0.0.9", port: 1 };
  const node = (host: string | null, port: number): (Buffer | number | null)[] => [
    host === null ? null : Buffer.from(host),
    port,
    Buffer.from("id"),
  ];
  const slots = ClusterSlots.from(
    [
      [0, 5, node("10.0.0.1", 7000), node("10.0.0.2", 7000)],
      [6, 16_383, node(null, 7001)],
    ],
    asked,
  );
  expect(slots.ownerOf(5)).toEqual({ host: "10.0.0.1", port: 7000 });
  expect(slots.ownerOf(6)).toEqual({ host: "10.0.0.9", port: 7001 });
  expect(slots.owners).toHaveLength(2);
  slots.move(5, { host: "10.0.0.3", port: 1 });
  expect(slots.ownerOf(5)).toEqual({ host: "10.0.0.3", port: 1 });
  expect(slots.ownerOf(4)).toEqual({ host: "10.0.0.1", port: 7000 });
});

test("reads where a node sends us", () => {
  const owner = { host: "127.0.0.1", port: 6381 };
  expect(parseRedirect("MOVED 3999 127.0.0.1:6381")).toEqual({ slot: 3999, owner });
  expect(parseRedirect("ASK 3999 ::1:6381")).toEqual({
    slot: 3999,
    owner: { host: "::1", port: 6381 },
  });
  expect(parseRedirect("MOVED 3999 :6381")).toBeUndefined();
  expect(parseRedirect("ERR 3999")).toBeUndefined();
});
