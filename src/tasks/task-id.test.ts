import { describe, expect, test } from "vitest";

import { newTaskId } from "./task-id.ts";

describe("newTaskId", () => {
  test("makes UUIDs of version 7 that begin with the time and are never the same", () => {
    const ids = Array.from({ length: 2_000 }, () => newTaskId(0x0123456789ab));
    for (const id of ids) {
      expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    expect(new Set(ids).size).toBe(2_000);
  });
});
