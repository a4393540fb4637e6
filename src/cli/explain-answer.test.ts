import { expect, test } from "vitest";

import { explainAnswer } from "./explain-answer.ts";

test.each([
  ["bogus", "KeyError('bogus')", "it does not know the command `bogus`"],
  ["pingg", "KeyError('pingg')", "it does not know the command `pingg` (did you mean `ping`?)"],
  ["revoke", "KeyError('other')", "KeyError('other')"],
  ["pool_shrink", 'ValueError("Can\'t shrink pool.")', "Can't shrink pool."],
  ["x", "TypeError('both \\' and \"')", "both ' and \""],
  ["rate_limit", "unknown task", "unknown task"],
  ["x", { more: 1 }, '{"more":1}'],
])("an answer to %s that is the error %j is told in words", (command, error, text) => {
  expect(explainAnswer(command, error)).toBe(text);
});
