import { describe, expect, test } from "vitest";

import { Roster } from "./roster.ts";

describe("a roster", () => {
  test("has what was added and not removed", () => {
    const roster = new Roster<string>();
    const place = roster.add("a");
    roster.add("b");
    roster.remove(place);

    expect([...roster]).toEqual(["b"]);
    expect(roster.size).toBe(1);
  });

  test("gives the places of what was removed to others", () => {
    const roster = new Roster<number>();
    for (let round = 0; round < 1_000; round++) {
      const places = [roster.add(1), roster.add(2)];
      expect(Math.max(...places)).toBeLessThan(2);
      for (const place of places) roster.remove(place);
    }

    expect(roster.size).toBe(0);
  });

  test("can be walked through while things are removed", () => {
    const roster = new Roster<{ readonly place: () => number }>();
    for (let n = 0; n < 3; n++) {
      const place: number = roster.add({ place: () => place });
    }
    for (const item of roster) roster.remove(item.place());

    expect([...roster]).toEqual([]);
  });
});
