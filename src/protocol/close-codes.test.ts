import { expect, test } from "vitest";

import { isFinalClose } from "./close-codes.ts";

test("says after which close codes nobody should come back (4.6)", () => {
  const codes = [
    1000, 1001, 1006, 1008, 1009, 1011, 1013, 3000, 3001, 4000, 4399, 4400, 4499, 4500,
  ];
  expect(codes.filter(isFinalClose)).toEqual([1000, 1008, 3000, 4400, 4499]);
});
