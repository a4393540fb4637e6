import { expect, test } from "vitest";

import { CONTROL_COMMANDS } from "./commands.ts";
import { CONTROL_ARGUMENTS } from "./control-arguments.ts";

test("the arguments of every command are known", () => {
  expect([...CONTROL_ARGUMENTS.keys()].toSorted()).toEqual(
    Object.keys(CONTROL_COMMANDS).toSorted(),
  );
});
